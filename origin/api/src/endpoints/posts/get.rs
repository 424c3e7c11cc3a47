use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sluicegate_contract::ids::PostId;
use sluicegate_contract::posts::Post;

use crate::auth::reader::Reader;
use crate::error::ApiError;
use crate::http::extract::Name;
use crate::state::App;
use crate::views::Eyes;

/// `GET /v1/posts/{id}`
#[utoipa::path(
    get,
    path = "/v1/posts/{id}",
    tag = "posts",
    operation_id = "get_post",
    summary = "Look at a post",
    params(("id" = PostId, Path)),
    security((), ("token" = [])),
    responses((status = 200, description = "The post", body = Post)),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    eyes: Eyes,
    Reader(reader): Reader,
    Name(id): Name<PostId>,
) -> Result<Json<Post>, ApiError> {
    let post = app.reads.post(reader, id).await?;
    let post = post.ok_or_else(ApiError::not_found)?;
    Ok(Json(eyes.post(post)))
}
