use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::uploads::UploadState;
use sluicegate_core::wake::Wake;

use super::owned;
use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::extract::Name;
use crate::state::App;

/// `DELETE /v1/uploads/{id}`
///
/// Gives a ticket back whose file did not arrive whole, so that it no longer counts as open. One whose URL its client
/// has counts until that ends.
#[utoipa::path(
    delete,
    path = "/v1/uploads/{id}",
    tag = "uploads",
    operation_id = "abandon_upload",
    summary = "Give back a ticket that was not used",
    description = "What was begun through the edge no longer counts. A ticket of `POST /v1/upload-tickets` counts \
        until its URL ends: a file can still be stored by it.",
    params(("id" = UploadId, Path)),
    security(("token" = [])),
    responses((status = 204, description = "Nothing comes of it")),
    extensions(("x-problems" = json!(["conflict"]))),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
    Name(id): Name<UploadId>,
) -> Result<StatusCode, ApiError> {
    owned(&app, &caller, id).await?;
    let upload = app
        .uploads
        .abandon(id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    if upload.state != UploadState::Expired {
        return Err(ApiError::new(ProblemType::Conflict).detail("The upload has arrived."));
    }
    app.pictures.delete_staged(id).await;
    app.waker.wake(Wake::Upload(id));
    Ok(StatusCode::NO_CONTENT)
}
