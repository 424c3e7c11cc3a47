use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sluicegate_contract::page::{Page, PageQuery};
use sluicegate_contract::posts::Post;

use crate::error::ApiError;
use crate::http::extract::Parameters;
use crate::paging::PageRequest;
use crate::state::App;

/// `GET /v1/posts`
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<Page<Post>>, ApiError> {
    let request = PageRequest::parse(&query)?;
    let posts = app
        .posts
        .list(None, request.cursor, request.to_read())
        .await?;
    Ok(Json(request.page(posts)))
}
