use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sluicegate_contract::page::{Page, PageQuery};
use sluicegate_contract::posts::Post;

use super::by_handle;
use crate::error::ApiError;
use crate::http::extract::{Name, Parameters};
use crate::paging::PageRequest;
use crate::state::App;

/// `GET /v1/profiles/{handle}/posts`
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    Name(handle): Name<String>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<Page<Post>>, ApiError> {
    let request = PageRequest::parse(&query)?;
    let author = by_handle(&app, &handle).await?;
    let posts = app
        .posts
        .list(Some(author.id), request.cursor, request.to_read())
        .await?;
    Ok(Json(request.page(posts)))
}
