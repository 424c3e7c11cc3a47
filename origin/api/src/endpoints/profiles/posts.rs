use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sluicegate_contract::page::{Page, PageQuery};
use sluicegate_contract::posts::Post;

use super::by_handle;
use crate::auth::reader::Reader;
use crate::error::ApiError;
use crate::http::extract::{Name, Parameters};
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
    eyes: Eyes,
    Reader(reader): Reader,
    Name(handle): Name<String>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<Page<Post>>, ApiError> {
    let request = PageRequest::parse(&query, app.config.limits.page_size)?;
    let author = by_handle(&app, reader, &handle).await?;
    let posts = app
        .reads
        .posts(reader, Some(author.id), request.cursor, request.to_read())
        .await?;
    Ok(Json(request.page(posts, &eyes)))
}
