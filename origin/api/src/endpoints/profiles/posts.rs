use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use sluicegate_contract::page::{Page, PageQuery};
use sluicegate_contract::posts::Post;
use sluicegate_core::public::Item;

use super::{by_handle, handle};
use crate::auth::reader::Reader;
use crate::error::ApiError;
use crate::http::extract::{Name, Parameters};
use crate::http::kept::{Stranger, kept, view};
use crate::paging::PageRequest;
use crate::state::App;
use crate::views::Eyes;

/// `GET /v1/profiles/{handle}/posts`
#[utoipa::path(
    get,
    path = "/v1/profiles/{handle}/posts",
    tag = "profiles",
    operation_id = "list_posts_of_profile",
    summary = "List the posts of somebody",
    params(
        ("handle" = String, Path, description = "Upper case is folded", pattern = "^[A-Za-z0-9_]{3,30}$"),
        ("limit" = Option<u32>, Query, description = "How many items; 20 if absent", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the page before", max_length = 4096)
    ),
    security((), ("token" = [])),
    responses((status = 200, description = "The newest first", body = Page<Post>)),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    stranger: Stranger,
    eyes: Eyes,
    Reader(reader): Reader,
    Name(name): Name<String>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Response, ApiError> {
    let request = PageRequest::parse(&query, app.config.limits.page_size)?;
    let handle = handle(&name)?;
    let first = request.first();
    let item = first.map(|limit| Item::posts(view(&app), Some(&handle), limit));
    let read = async {
        let author = by_handle(&app, reader, &handle).await?;
        let reads = &app.reads;
        let posts = reads.posts(reader, Some(author.id), request.cursor, request.to_read());
        Ok((request.page(posts.await?, &eyes), None))
    };
    kept(&app, stranger, item, read).await
}
