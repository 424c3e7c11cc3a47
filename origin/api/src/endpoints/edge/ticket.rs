use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::limits;
use sluicegate_contract::media::MediaKey;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::uploads::{PresignedPut, Ticket, TicketRequest};
use sluicegate_core::ports::{CreateTicketError, PutGrant, Reach};
use sluicegate_core::upload::{NewUpload, staged_object};

use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::client::Edge;
use crate::http::extract;
use crate::state::App;

/// How long after the last moment at which the URL works `complete` is still taken: as long as a
/// transfer that began in that moment may last.
const GRACE: Duration = limits::UPLOAD_REQUEST_TIME;
/// What clients are told to wait when they have too many open tickets, in seconds.
const OPEN_RETRY: u32 = 60;

/// `POST /edge/v1/upload-tickets`
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    _: Edge,
    caller: Caller,
    extract::Json(request): extract::Json<TicketRequest>,
) -> Result<(StatusCode, Json<Ticket>), ApiError> {
    check_length(request.content_length)?;
    let sha256 = request.sha256.as_deref().map(parse_sha256).transpose()?;
    let now = app.env.now();
    let id = UploadId(app.env.new_id());
    let upload = NewUpload {
        id,
        owner: caller.account,
        purpose: request.purpose,
        length: request.content_length,
        created_at: now,
        expires_at: now.plus(limits::TICKET_LIFETIME).plus(GRACE),
    };
    app.uploads
        .create_ticket(&upload, limits::OPEN_TICKETS)
        .await
        .map_err(refused)?;

    let grant = PutGrant {
        key: &staged_object(id),
        length: request.content_length,
        sha256,
        lifetime: limits::TICKET_LIFETIME,
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
        Json(Ticket {
            id,
            key,
            url: key.url(),
            put,
        }),
    ))
}

fn check_length(length: u64) -> Result<(), ApiError> {
    if length == 0 {
        return Err(
            ApiError::invalid("content_length must be at least 1.").with("field", "content_length")
        );
    }
    if length > limits::PICTURE_BYTES {
        return Err(ApiError::new(ProblemType::TooLarge).with("limit", limits::PICTURE_BYTES));
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

fn refused(error: CreateTicketError) -> ApiError {
    match error {
        CreateTicketError::TooManyOpen => ApiError::new(ProblemType::TooManyRequests)
            .detail("Too many uploads were begun and not completed.")
            .with("limit", limits::OPEN_TICKETS)
            .retry_after(OPEN_RETRY),
        CreateTicketError::Port(error) => error.into(),
    }
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
    fn lengths_are_1_to_10_mib() {
        assert!(check_length(0).is_err());
        assert!(check_length(1).is_ok());
        assert!(check_length(limits::PICTURE_BYTES).is_ok());
        assert!(check_length(limits::PICTURE_BYTES + 1).is_err());
    }
}
