use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use sluicegate_contract::ids::PostId;
use sluicegate_core::public::Change;

use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::extract::Name;
use crate::http::kept;
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
    let (posts, author, now) = (Arc::clone(&app.posts), caller.account, app.env.now());
    let deletion = async move { posts.delete(id, author, now).await };
    if kept::changed(&app, Change::Post(id), deletion).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::not_found())
    }
}
