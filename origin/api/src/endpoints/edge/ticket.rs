use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use sluicegate_contract::uploads::{EdgeTicketRequest, StoredUpload};

use crate::auth::caller::Caller;
use crate::endpoints::uploads::asking::{HeadDigest, Sender};
use crate::endpoints::uploads::tickets::{Given, give, running};
use crate::error::ApiError;
use crate::http::client::Edge;
use crate::http::extract;
use crate::http::idempotency::IdempotencyKey;
use crate::state::App;

/// `POST /edge/v1/upload-tickets`
///
/// 200 instead of a ticket where the key stands for an upload whose file is stored.
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    _: Edge,
    caller: Caller,
    key: IdempotencyKey,
    head: HeadDigest,
    extract::Json(request): extract::Json<EdgeTicketRequest>,
) -> Result<Response, ApiError> {
    match give(&app, &caller, &request.into(), key, &Sender::Edge(head)).await? {
        Given::Ticket(ticket, quotas) => {
            Ok((StatusCode::CREATED, quotas, Json(ticket)).into_response())
        }
        Given::Stored(upload) => Ok(Json(StoredUpload { id: upload.id }).into_response()),
        // Another edge, or another request at this one, is streaming the file, or died with it.
        Given::Open(upload) => Err(running(&upload)),
    }
}
