//! What strangers read is kept for a moment (`sluicegate_core::public`), and forgotten by what changes it.
//!
//! Whoever sends a token reads from the database: they see what they changed, and what is theirs alone. The cache's errors are
//! the log's.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, header};
use serde::Serialize;
use sluicegate_core::moderation::ImageGate;
use sluicegate_core::ports::Found;
use sluicegate_core::public::{Change, Item};

use crate::error::ApiError;
use crate::state::App;

/// Whether somebody reads who shows no token.
pub(crate) struct Stranger(bool);

impl<S: Sync> FromRequestParts<S> for Stranger {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(!parts.headers.contains_key(header::AUTHORIZATION)))
    }
}

/// What makes different answers of the same rows.
pub(crate) fn view(app: &App) -> &'static str {
    match app.config.image_gate {
        ImageGate::Open => "open",
        ImageGate::Strict => "strict",
    }
}

/// The answer that is kept, or the one that is read now.
pub(crate) async fn kept<T: Serialize>(
    app: &App,
    Stranger(stranger): Stranger,
    item: Option<Item>,
    read: impl Future<Output = Result<T, ApiError>>,
) -> Result<Response, ApiError> {
    let Some(item) = item.filter(|_| stranger) else {
        return Ok(Json(read.await?).into_response());
    };
    let versions = match app.cache.get(&item).await {
        Ok(Found::Kept(content)) => {
            app.observer.kept(true);
            return Ok(json(content));
        }
        Ok(Found::Missing(versions)) => versions,
        Err(error) => {
            tracing::debug!(%error, "the cache cannot be used");
            None
        }
    };
    let made = read.await?;
    let Some(versions) = versions else {
        return Ok(Json(made).into_response());
    };
    app.observer.kept(false);
    let Ok(content) = serde_json::to_vec(&made) else {
        return Ok(Json(made).into_response());
    };
    if let Err(error) = app.cache.put(&item, &versions, &content).await {
        tracing::debug!(%error, "the cache cannot be used");
    }
    Ok(json(content))
}

fn json(content: Vec<u8>) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], Body::from(content)).into_response()
}

/// Forgets what a request may have changed, whatever is answered: who failed may have committed.
pub(crate) async fn forget_changed(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let change = change(&request);
    let response = next.run(request).await;
    if let Some(change) = change
        && !response.status().is_client_error()
    {
        forget(&app, change).await;
    }
    response
}

/// Tells the cache. If it does not hear, strangers see what was for up to two seconds.
pub(crate) async fn forget(app: &App, change: Change) {
    if let Err(error) = app.cache.forget(change).await {
        tracing::warn!(%error, "the cache was not told of a change: strangers may see it two seconds late");
    }
}

/// By its route. What a log-in restores, and what judges an upload, tell it themselves.
fn change(request: &Request) -> Option<Change> {
    if request.method().is_safe() {
        return None;
    }
    let route = request.extensions().get::<MatchedPath>()?.as_str();
    if route == "/v1/posts" {
        return Some(Change::NewPost);
    }
    if route == "/v1/posts/{id}" {
        let id = request.uri().path().rsplit('/').next()?;
        return id.parse().ok().map(Change::Post);
    }
    route.starts_with("/v1/me").then_some(Change::Everything)
}
