use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use sluicegate_contract::ids::UploadId;
use sluicegate_core::upload::Upload;
use tokio::time::Instant;

use super::owned;
use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::extract::{Name, Parameters};
use crate::live::{is_settled, wait_until};
use crate::state::App;

#[derive(Deserialize)]
pub(crate) struct Query {
    /// Seconds to wait for a change; more than the limit counts as that.
    wait: Option<u64>,
    /// The revision that the client knows; the one at the time of the call if absent.
    revision: Option<u64>,
}

/// `GET /v1/uploads/{id}?wait=20`
///
/// Answers at once if the upload is settled, or differs from what the client knows.
#[utoipa::path(
    get,
    path = "/v1/uploads/{id}",
    tag = "uploads",
    operation_id = "get_upload",
    summary = "See how far an upload is, or wait for a change",
    params(
        ("id" = UploadId, Path),
        ("wait" = Option<u64>, Query, description = "Seconds to wait for a change; more than 25 counts as 25"),
        ("revision" = Option<u64>, Query, description = "The revision that is known; the one at the time of the call if absent"),
        ("if-none-match" = Option<String>, Header, description = "The entity tag that is known")
    ),
    security(("token" = [])),
    responses(
        (status = 200, description = "The upload", body = sluicegate_contract::uploads::Upload, headers(("etag" = String, description = "The revision in quotes"))),
        (status = 304, description = "Nothing has changed since `If-None-Match`")
    ),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
    Name(id): Name<UploadId>,
    Parameters(query): Parameters<Query>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let upload = owned(&app, &caller, id).await?;
    let known_tag = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tag| tag.to_str().ok());
    let known = query
        .revision
        .or_else(|| known_tag.and_then(revision_of))
        .unwrap_or(upload.revision);
    let upload = changed(&app, upload, known, query.wait.unwrap_or(0)).await?;
    let tag = tag(&upload);
    if known_tag == Some(tag.as_str()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let shown = app.eyes(&caller).await?.upload(&upload);
    Ok(([(header::ETAG, tag)], Json(shown)).into_response())
}

async fn changed(app: &App, upload: Upload, known: u64, wait: u64) -> Result<Upload, ApiError> {
    let enough = |upload: &Upload| upload.revision != known || is_settled(app, upload);
    if wait == 0 || enough(&upload) {
        return Ok(upload);
    }
    // As many as may wait, wait: the others look again themselves.
    let Some(_place) = app.waiters.enter(upload.owner) else {
        return Ok(upload);
    };
    let wait = Duration::from_secs(wait).min(app.config.limits.long_poll);
    let found = wait_until(app, upload.id, Instant::now() + wait, enough).await?;
    found.ok_or_else(ApiError::not_found)
}

fn tag(upload: &Upload) -> String {
    format!("\"{}\"", upload.revision)
}

fn revision_of(tag: &str) -> Option<u64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}
