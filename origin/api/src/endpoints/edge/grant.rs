use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::media::MediaGrant;
use sluicegate_contract::uploads::{Moderation, UploadState};
use sluicegate_core::error::PortError;
use sluicegate_core::pictures::Making;
use sluicegate_core::ports::Reach;
use sluicegate_core::upload::{Derivative, Upload};
use tokio::time::Instant;

use crate::error::ApiError;
use crate::http::client::Edge;
use crate::http::extract::{Name, Parameters};
use crate::live::hint;
use crate::state::App;

/// How long the URL works: edges keep a grant for [`sluicegate_contract::limits::GRANT_CACHE_TIME`], and
/// begin to read within that.
const URL_LIFETIME: Duration = Duration::from_mins(2);
/// What clients are told to wait while others are served, in seconds.
const BUSY_RETRY: u32 = 2;
/// Edges keep no grant that says so.
const PREVIEW_CACHE: &str = "private, no-store";

#[derive(Deserialize)]
pub(crate) struct Query {
    /// The token of a preview's address.
    preview: Option<String>,
}

/// `GET /edge/v1/media/{id}`
///
/// Pictures are public, unless they are held back until they are judged: then only a preview's token opens
/// them. One that may be seen and is not made yet is made now, once.
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    _: Edge,
    Name(id): Name<UploadId>,
    Parameters(query): Parameters<Query>,
) -> Result<Json<MediaGrant>, ApiError> {
    let upload = app
        .uploads
        .upload(id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    if app.accounts.is_hidden(upload.owner).await? {
        return Err(ApiError::not_found());
    }
    let for_all = app.config.image_gate.lets_through(upload.moderation);
    if !for_all && !is_preview(&app, id, query.preview.as_deref()).await? {
        return Err(ApiError::not_found());
    }
    let upload = if may_be_made(&upload) {
        made(&app, id).await?
    } else {
        upload
    };
    match &upload.derivative {
        Some(derivative) if upload.state == UploadState::Ready && upload.can_be_shown() => {
            let cache = if for_all {
                cache_control(upload.moderation)
            } else {
                PREVIEW_CACHE
            };
            Ok(Json(grant(&app, &upload, derivative, cache).await?))
        }
        _ => Err(ApiError::not_found()),
    }
}

async fn is_preview(app: &App, id: UploadId, token: Option<&str>) -> Result<bool, PortError> {
    match token {
        Some(token) => app.tokens.is_preview(id, token).await,
        None => Ok(false),
    }
}

fn may_be_made(upload: &Upload) -> bool {
    upload.state != UploadState::Ready && upload.can_be_shown()
}

/// The upload once its picture is made or nothing will come of it.
async fn made(app: &Arc<App>, id: UploadId) -> Result<Upload, ApiError> {
    let _place = app.picture_waiters.try_acquire().map_err(|_| busy())?;
    let deadline = Instant::now() + app.config.on_demand_wait;
    // Before the first attempt, so that no change falls between.
    let mut hints = app.waker.listen();
    loop {
        match ensure(app, id).await? {
            Making::Made { upload, .. } | Making::Settled(upload) => return Ok(upload),
            Making::Unknown => return Err(ApiError::not_found()),
            Making::Full => return Err(busy()),
            Making::Busy if Instant::now() >= deadline => return Err(busy()),
            Making::Busy => hint(&mut hints, id, deadline).await,
        }
    }
}

/// In a task of its own: a client that goes away does not stop what others wait for.
async fn ensure(app: &Arc<App>, id: UploadId) -> Result<Making, PortError> {
    let (pictures, cap) = (app.pictures.clone(), app.config.on_demand_cap);
    let making = app
        .tasks
        .spawn(async move { pictures.ensure(id, Some(cap)).await });
    making
        .await
        .unwrap_or_else(|error| Err(PortError::failed("picture", error)))
}

async fn grant(
    app: &App,
    upload: &Upload,
    derivative: &Derivative,
    cache_control: &str,
) -> Result<MediaGrant, PortError> {
    let key = upload.media_object();
    let get = app
        .objects
        .presign_get(&key, URL_LIFETIME, Reach::Edge, app.env.now())
        .await?;
    Ok(MediaGrant {
        url: get.url,
        etag: format!("\"{}\"", derivative.sha256),
        length: derivative.length,
        media_type: "image/webp".to_owned(),
        cache_control: cache_control.to_owned(),
        state: upload.moderation,
    })
}

/// Together with the 30 seconds of a grant these are how long a removed picture may still be seen.
fn cache_control(moderation: Moderation) -> &'static str {
    match moderation {
        Moderation::Unreviewed => "public, max-age=60",
        Moderation::Passed | Moderation::Restored => "public, max-age=300, s-maxage=3600",
        Moderation::Removed => "no-store",
    }
}

fn busy() -> ApiError {
    ApiError::unavailable(
        "The picture is not made yet, and too much is being made.",
        BUSY_RETRY,
    )
}
