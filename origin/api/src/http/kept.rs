//! What strangers read is kept for a moment (`sluicegate_core::public`), and forgotten by what changes it.
//!
//! Whoever sends a token reads from the database: they see what they changed, and what is theirs alone. The cache's errors are
//! the log's.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, header};
use serde::Serialize;
use sluicegate_contract::ids::AccountId;
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::ImageGate;
use sluicegate_core::observe::Kept;
use sluicegate_core::ports::Found;
use sluicegate_core::public::{Change, Item};
use tracing::Instrument;

use super::readings::Reading;
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

/// The answer that is kept, or the one that is read now: with the account that it is of, if it is of one. Of those who miss
/// it at once one reads it for all.
pub(crate) async fn kept<T: Serialize>(
    app: &App,
    Stranger(stranger): Stranger,
    item: Option<Item>,
    read: impl Future<Output = Result<(T, Option<AccountId>), ApiError>>,
) -> Result<Response, ApiError> {
    let Some(item) = item.filter(|_| stranger) else {
        return Ok(Json(read.await?.0).into_response());
    };
    let versions = match app.cache.get(&item).await {
        Ok(Found::Kept(content)) => {
            app.observer.kept(Kept::Hit);
            return Ok(json(content));
        }
        Ok(Found::Missing(versions)) => versions,
        Err(error) => {
            tracing::debug!(%error, "the cache cannot be used");
            None
        }
    };
    let Some(versions) = versions else {
        return Ok(Json(read.await?.0).into_response());
    };
    // Whoever asks under other versions asks after a change, and is not shown what was read before it.
    let name = format!("{} {}", item.name(), versions.0);
    let reading = loop {
        match app.readings.join(&name) {
            Reading::Own(reading) => break reading,
            Reading::Anothers(reading) => {
                if let Some(read) = reading.end().await {
                    let content = read?;
                    app.observer.kept(Kept::Joined);
                    return Ok(json(content));
                }
            }
        }
    };
    let (made, owner) = match read.await {
        Ok(read) => read,
        Err(error) => {
            reading.tell(Err(error.for_another()));
            return Err(error);
        }
    };
    app.observer.kept(Kept::Miss);
    let Ok(content) = serde_json::to_vec(&made).map(Bytes::from) else {
        return Ok(Json(made).into_response());
    };
    reading.tell(Ok(content.clone()));
    if let Err(error) = app.cache.put(&item, &versions, owner, &content).await {
        tracing::debug!(%error, "the cache cannot be used");
    }
    // By now it is kept for those who come next.
    drop(reading);
    Ok(json(content))
}

fn json(content: impl Into<Body>) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], content.into()).into_response()
}

/// Makes a change that strangers see, and has them see it: in a task of its own, since whoever asked for it may go away
/// between its commit and its answer, and awaited by who ends the process. Whatever comes of it, it is forgotten what was: what failed may have been committed, and
/// what is not there may have been removed by an earlier try that could not say so. Takes no longer than the two ports do.
pub(crate) async fn changed<T, E>(
    app: &App,
    change: Change,
    making: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<PortError> + Send + 'static,
{
    let cache = Arc::clone(&app.cache);
    let task = async move {
        let made = making.await;
        // If it does not hear, strangers see what was for up to two seconds.
        if let Err(error) = cache.forget(change).await {
            tracing::debug!(%error, "the cache was not told of a change");
        }
        made
    };
    let task = app.tasks.spawn(task.in_current_span());
    task.await
        .unwrap_or_else(|error| Err(PortError::failed("a change", error).into()))
}
