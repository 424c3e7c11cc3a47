use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use sluicegate_contract::ids::PostId;

use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::extract::Name;
use crate::state::App;

/// `DELETE /v1/posts/{id}`
#[utoipa::path(
    delete,
    path = "/v1/posts/{id}",
    tag = "posts",
    operation_id = "delete_post",
    summary = "Delete an own post",
    params(("id" = PostId, Path)),
    security(("token" = [])),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
    Name(id): Name<PostId>,
) -> Result<StatusCode, ApiError> {
    if app.posts.delete(id, caller.account, app.env.now()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::not_found())
    }
}
