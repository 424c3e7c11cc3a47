use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::limits;
use sluicegate_contract::media::MediaKey;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::{PresignedPut, Ticket, TicketRequest};
use sluicegate_core::ports::{CreateTicketError, PutGrant, Reach};
use sluicegate_core::quota::{Bound, Quota, QuotaReached};
use sluicegate_core::upload::{NewUpload, staged_object};

use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::client::Edge;
use crate::http::{extract, rate_limit};
use crate::state::App;

/// How long after the last moment at which the URL works `complete` is still taken: as long as a
/// transfer that began in that moment may last.
const GRACE: Duration = limits::UPLOAD_REQUEST_TIME;

/// `POST /edge/v1/upload-tickets`
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    _: Edge,
    caller: Caller,
    extract::Json(request): extract::Json<TicketRequest>,
) -> Result<(StatusCode, HeaderMap, Json<Ticket>), ApiError> {
    let limits = &app.config.limits;
    check_length(request.content_length, limits.picture_bytes)?;
    let sha256 = request.sha256.as_deref().map(parse_sha256).transpose()?;
    app.staging
        .admit(&*app.uploads, request.content_length)
        .await?;
    let now = app.env.now();
    let id = UploadId(app.env.new_id());
    let upload = NewUpload {
        id,
        owner: caller.account,
        purpose: request.purpose,
        length: request.content_length,
        created_at: now,
        expires_at: now.plus(limits.ticket_lifetime).plus(GRACE),
    };
    let usage = match app.uploads.create_ticket(&upload, &limits.quota).await {
        Ok((_, usage)) => usage,
        Err(CreateTicketError::QuotaReached(reached)) => {
            return Err(used_up(&limits.quota, &reached, now));
        }
        Err(CreateTicketError::Port(error)) => return Err(error.into()),
    };

    let grant = PutGrant {
        key: &staged_object(id),
        length: request.content_length,
        sha256,
        lifetime: limits.ticket_lifetime,
        reach: Reach::Edge,
    };
    let put = app.objects.presign_put(&grant, now).await?;
    let put = PresignedPut {
        url: put.url,
        headers: put.headers,
        expires_at: put.expires_at,
    };
    let key = MediaKey(id);
    Ok((
        StatusCode::CREATED,
        rate_limit::headers(&limits.quota, &usage, None),
        Json(Ticket {
            id,
            key,
            url: key.url(),
            put,
        }),
    ))
}

fn check_length(length: u64, limit: u64) -> Result<(), ApiError> {
    if length == 0 {
        return Err(
            ApiError::invalid("content_length must be at least 1.").with("field", "content_length")
        );
    }
    if length > limit {
        return Err(ApiError::new(ProblemType::TooLarge).with("limit", limit));
    }
    Ok(())
}

fn parse_sha256(text: &str) -> Result<[u8; 32], ApiError> {
    let mut hash = [0; 32];
    let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
    match hex::decode_to_slice(text, &mut hash) {
        Ok(()) if lower => Ok(hash),
        _ => Err(
            ApiError::invalid("sha256 must be 64 lower-case hexadecimal digits.")
                .with("field", "sha256"),
        ),
    }
}

/// 429. Members and header name the quota, and when the same ticket can be had at the soonest.
fn used_up(quota: &Quota, reached: &QuotaReached, now: Timestamp) -> ApiError {
    let detail = match reached.bound {
        Bound::OpenTickets => "Too many uploads were begun and not completed.",
        Bound::Pictures => "As many pictures as allowed were sent in the last 24 hours.",
        Bound::Bytes => "As many bytes as allowed were sent in the last 24 hours.",
    };
    let ms = reached.retry_at.since(now).as_millis();
    let seconds = u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
    let headers = rate_limit::headers(quota, &reached.usage, Some((reached.bound, seconds)));
    ApiError::new(ProblemType::TooManyRequests)
        .detail(detail)
        .with("quota", reached.bound.as_str())
        .with("limit", quota.size(reached.bound))
        .retry_after(seconds)
        .headers(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_have_one_spelling() {
        assert_eq!(parse_sha256(&"0a".repeat(32)).expect("a hash"), [10; 32]);
        for bad in [
            "",
            "0a",
            &"0A".repeat(32),
            &"0a".repeat(33),
            &"zz".repeat(32),
        ] {
            assert!(parse_sha256(bad).is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn lengths_are_1_to_the_limit() {
        assert!(check_length(0, 10).is_err());
        assert!(check_length(1, 10).is_ok());
        assert!(check_length(10, 10).is_ok());
        assert!(check_length(11, 10).is_err());
    }
}
