use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::uploads::{Ticket, TicketRequest};
use sluicegate_core::ports::Reach;
use sluicegate_core::upload::Upload;

use super::tickets::{Given, IdempotencyKey, again, give};
use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::extract;
use crate::state::App;

/// `POST /v1/upload-tickets`
///
/// For clients that send the file to the store themselves and call `complete` then. Repeated with the same
/// `Idempotency-Key`, the same ticket.
#[utoipa::path(
    post,
    path = "/v1/upload-tickets",
    tag = "uploads",
    operation_id = "create_upload_ticket",
    summary = "Begin an upload straight to the store",
    description = "Send the file to `put.url` by PUT with the headers of `put.headers`, then complete the upload. \
        Offered only where clients can reach the store.",
    params(("idempotency-key" = Option<String>, Header, description = "Names the upload for 24 hours: a repeat with the same key gets the same ticket")),
    request_body = TicketRequest,
    security(("token" = [])),
    responses((status = 201, description = "Leave to store one file once", body = Ticket)),
    extensions(("x-problems" = json!(["direct-uploads-off", "conflict", "idempotency-key-reused", "too-many-requests", "storage-full"]))),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
    key: IdempotencyKey,
    extract::Json(request): extract::Json<TicketRequest>,
) -> Result<(StatusCode, HeaderMap, Json<Ticket>), ApiError> {
    if !app.config.direct_uploads {
        return Err(ApiError::new(ProblemType::DirectUploadsOff));
    }
    let (ticket, quotas) = match give(&app, &caller, &request, key, Reach::Public).await? {
        Given::Ticket(ticket, quotas) => (ticket, quotas),
        Given::Open(upload) => {
            let again = again(&app, &request, &upload, Reach::Public).await?;
            let late = || over(&upload, "The time to send the file is over.");
            (again.ok_or_else(late)?, HeaderMap::new())
        }
        Given::Stored(upload) => {
            return Err(over(&upload, "The file is stored: complete the upload."));
        }
    };
    Ok((StatusCode::CREATED, quotas, Json(ticket)))
}

fn over(upload: &Upload, detail: &'static str) -> ApiError {
    ApiError::new(ProblemType::Conflict)
        .detail(detail)
        .with("upload_id", upload.id.to_string())
}
