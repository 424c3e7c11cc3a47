use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use sluicegate_contract::ids::PostId;
use sluicegate_contract::posts::Post;
use sluicegate_core::public::Item;

use crate::auth::reader::Reader;
use crate::error::ApiError;
use crate::http::extract::Name;
use crate::http::kept::{Stranger, kept, view};
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
    stranger: Stranger,
    eyes: Eyes,
    Reader(reader): Reader,
    Name(id): Name<PostId>,
) -> Result<Response, ApiError> {
    let item = Item::post(view(&app), id);
    let read = async {
        let post = app.reads.post(reader, id).await?;
        let post = post.ok_or_else(ApiError::not_found)?;
        let owner = post.author.id;
        Ok((eyes.post(post), Some(owner)))
    };
    kept(&app, stranger, Some(item), read).await
}
