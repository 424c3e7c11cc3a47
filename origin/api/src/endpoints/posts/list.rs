use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use sluicegate_contract::page::{Page, PageQuery};
use sluicegate_contract::posts::Post;
use sluicegate_core::public::Item;

use crate::auth::reader::Reader;
use crate::error::ApiError;
use crate::http::extract::Parameters;
use crate::http::kept::{Stranger, kept, view};
use crate::paging::PageRequest;
use crate::state::App;
use crate::views::Eyes;

/// `GET /v1/posts`
#[utoipa::path(
    get,
    path = "/v1/posts",
    tag = "posts",
    operation_id = "list_posts",
    summary = "List the newest posts",
    params(
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
    Parameters(query): Parameters<PageQuery>,
) -> Result<Response, ApiError> {
    let request = PageRequest::parse(&query, app.config.limits.page_size)?;
    let first = request.first();
    let item = first.map(|limit| Item::posts(view(&app), None, limit));
    let read = async {
        let reads = &app.reads;
        let posts = reads.posts(reader, None, request.cursor, request.to_read());
        Ok((request.page(posts.await?, &eyes), None))
    };
    kept(&app, stranger, item, read).await
}
