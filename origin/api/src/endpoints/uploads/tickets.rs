//! Tickets, whoever will use them: what is asked for, and what an `Idempotency-Key` stands for.

use std::time::Duration;

use http::HeaderMap;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::limits;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::{PresignedPut, Ticket, TicketRequest, UploadState};
use sluicegate_core::ports::{CreateTicketError, PutGrant, Reach};
use sluicegate_core::quota::{Bound, Quota, QuotaReached};
use sluicegate_core::upload::{NewUpload, Upload};

use super::asking::{self, Sender, declared_sha256};
use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::idempotency::IdempotencyKey;
use crate::http::quotas;
use crate::state::App;

/// How long after the last moment at which the URL works `complete` is still taken: as long as a
/// transfer that began in that moment may last.
const GRACE: Duration = limits::UPLOAD_REQUEST_TIME;
/// What they are told to wait while the upload that they repeat is under way, in seconds.
const RUNNING_RETRY: u32 = 5;

/// What a request for a ticket comes to.
pub(crate) enum Given {
    /// A new upload, and what is left of the quotas with it.
    Ticket(Ticket, HeaderMap),
    /// The key stands for an upload whose file is not stored yet.
    Open(Upload),
    /// The key stands for an upload whose file is stored.
    Stored(Upload),
}

pub(crate) async fn give(
    app: &App,
    caller: &Caller,
    request: &TicketRequest,
    key: IdempotencyKey,
    sender: &Sender,
) -> Result<Given, ApiError> {
    let limits = &app.config.limits;
    check_length(request.content_length, limits.picture_bytes)?;
    let now = app.env.now();
    let new = NewUpload {
        id: UploadId(app.env.new_id()),
        owner: caller.account,
        purpose: request.purpose,
        length: request.content_length,
        sha256: request.sha256.as_deref().map(declared_sha256).transpose()?,
        head_sha256: match sender {
            Sender::Edge(head) => head.read()?,
            Sender::Client => None,
        },
        key: asking::key(key, now)?,
        created_at: now,
        expires_at: now.plus(limits.ticket_lifetime).plus(GRACE),
        put_until: match sender {
            Sender::Client => Some(now.plus(limits.ticket_lifetime)),
            Sender::Edge(_) => None,
        },
    };
    let staged = || app.uploads.staged(new.created_at);
    let room = match app.staging.admit(staged, &new).await {
        Ok(room) => room,
        // A repeat takes no room that the first request did not take.
        Err(full) => {
            return match named(app, &new).await? {
                Some(upload) => repeated(app, &new, upload).await,
                None => Err(full),
            };
        }
    };
    let given = app.uploads.create_ticket(&new, &limits.quota).await;
    if let Err(CreateTicketError::Repeated(_) | CreateTicketError::QuotaReached(_)) = &given {
        app.staging.give_back(room).await;
    }
    match given {
        Ok((upload, usage)) => {
            let ticket = ticket(
                app,
                &upload,
                new.sha256,
                limits.ticket_lifetime,
                sender.reach(),
            )
            .await?;
            let quotas = quotas::headers(&limits.quota, &usage, None);
            Ok(Given::Ticket(ticket, quotas))
        }
        Err(CreateTicketError::Repeated(upload)) => repeated(app, &new, *upload).await,
        Err(CreateTicketError::QuotaReached(reached)) => Err(used_up(&limits.quota, &reached, now)),
        Err(CreateTicketError::Port(error)) => Err(error.into()),
    }
}

async fn named(app: &App, new: &NewUpload) -> Result<Option<Upload>, ApiError> {
    let Some(key) = &new.key else {
        return Ok(None);
    };
    let named = app.uploads.named(new.owner, &key.key, new.created_at);
    Ok(named.await?)
}

async fn repeated(app: &App, new: &NewUpload, upload: Upload) -> Result<Given, ApiError> {
    if !is_repeat(new, &upload) {
        return Err(ApiError::new(ProblemType::IdempotencyKeyReused)
            .detail("File, length, purpose and digest must be those of the first request.")
            .with("upload_id", upload.id.to_string()));
    }
    if upload.state != UploadState::Ticketed {
        return Ok(Given::Stored(upload));
    }
    let stored = app.objects.head(&upload.staged_object()).await?.is_some();
    Ok(if stored {
        Given::Stored(upload)
    } else {
        Given::Open(upload)
    })
}

/// Whether it is the same request. Of the file itself its beginning is compared, where edges saw both.
fn is_repeat(new: &NewUpload, first: &Upload) -> bool {
    let head = new.head_sha256.map(hex::encode);
    let other_head = matches!((&head, &first.head_sha256), (Some(a), Some(b)) if a != b);
    first.purpose == new.purpose
        && first.declared_length == new.length
        && first.declared_sha256 == new.sha256.map(hex::encode)
        && !other_head
}

/// A client's ticket once more, with what is left of its time. An edge's ticket never becomes a client's: it is counted
/// as one whose URL no client has.
pub(crate) async fn again(
    app: &App,
    request: &TicketRequest,
    upload: &Upload,
) -> Result<Ticket, ApiError> {
    let ends = upload.put_until.ok_or_else(|| running(upload))?;
    let left = u64::try_from(ends.unix_ms() - app.env.now().unix_ms()).unwrap_or(0) / 1_000;
    if left == 0 {
        return Err(over(upload, "The time to send the file is over."));
    }
    let sha256 = request.sha256.as_deref().map(declared_sha256).transpose()?;
    let lifetime = Duration::from_secs(left);
    ticket(app, upload, sha256, lifetime, Reach::Public).await
}

/// There is nothing to send any more under this key.
pub(crate) fn over(upload: &Upload, detail: &'static str) -> ApiError {
    ApiError::new(ProblemType::Conflict)
        .detail(detail)
        .with("upload_id", upload.id.to_string())
}

/// The repeated request came while the first one is being answered.
pub(crate) fn running(upload: &Upload) -> ApiError {
    ApiError::new(ProblemType::Conflict)
        .detail(
            "An upload with this Idempotency-Key is under way. If it is not, delete it to begin anew.",
        )
        .with("upload_id", upload.id.to_string())
        .retry_after(RUNNING_RETRY)
}

async fn ticket(
    app: &App,
    upload: &Upload,
    sha256: Option<[u8; 32]>,
    lifetime: Duration,
    reach: Reach,
) -> Result<Ticket, ApiError> {
    let grant = PutGrant {
        key: &upload.staged_object(),
        length: upload.declared_length,
        sha256,
        lifetime,
        reach,
    };
    let put = app.objects.presign_put(&grant, app.env.now()).await?;
    let key = upload.key();
    Ok(Ticket {
        id: upload.id,
        key,
        url: key.url(),
        put: PresignedPut {
            url: put.url,
            headers: put.headers,
            expires_at: put.expires_at,
        },
    })
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

/// 429. Members and header name the quota, and when the same ticket can be had at the soonest.
fn used_up(quota: &Quota, reached: &QuotaReached, now: Timestamp) -> ApiError {
    let detail = match reached.bound {
        Bound::OpenTickets => "Too many uploads were begun and not completed.",
        Bound::Pictures => "As many pictures as allowed were sent in the last 24 hours.",
        Bound::Bytes => "As many bytes as allowed were sent in the last 24 hours.",
    };
    let ms = reached.retry_at.since(now).as_millis();
    let seconds = u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
    let headers = quotas::headers(quota, &reached.usage, Some((reached.bound, seconds)));
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
    fn lengths_are_1_to_the_limit() {
        assert!(check_length(0, 10).is_err());
        assert!(check_length(1, 10).is_ok());
        assert!(check_length(10, 10).is_ok());
        assert!(check_length(11, 10).is_err());
    }
}
