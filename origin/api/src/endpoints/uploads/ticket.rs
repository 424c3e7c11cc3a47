use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::uploads::{Ticket, TicketRequest};

use super::asking::Sender;
use super::tickets::{Given, again, give, over};
use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::idempotency::IdempotencyKey;
use crate::http::{extract, quotas};
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
    params(("idempotency-key" = Option<String>, Header, description = "Names the upload for 24 hours: a repeat with the same key, purpose, length and `sha256` gets the same ticket, and 409 that names the upload once its file is stored or its time is over")),
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
    let (ticket, quotas) = match give(&app, &caller, &request, key, &Sender::Client).await? {
        Given::Ticket(ticket, quotas) => (ticket, quotas),
        Given::Open(upload) => {
            let ticket = again(&app, &request, &upload).await?;
            let usage = app.uploads.usage(caller.account, app.env.now()).await?;
            let quotas = quotas::headers(&app.config.limits.quota, &usage, None);
            (ticket, quotas)
        }
        Given::Stored(upload) => {
            return Err(over(&upload, "The file is stored: complete the upload."));
        }
    };
    Ok((StatusCode::CREATED, quotas, Json(ticket)))
}
