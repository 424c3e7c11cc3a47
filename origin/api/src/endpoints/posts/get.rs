use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sluicegate_contract::ids::PostId;
use sluicegate_contract::posts::Post;

use crate::error::ApiError;
use crate::http::extract::Name;
use crate::state::App;
use crate::views;

/// `GET /v1/posts/{id}`
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    Name(id): Name<PostId>,
) -> Result<Json<Post>, ApiError> {
    let post = app.posts.post(id).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(views::post(post)))
}
