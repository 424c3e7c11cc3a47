use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::unfold;
use http::HeaderMap;
use sluicegate_contract::ids::UploadId;
use sluicegate_core::upload::Upload;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::owned;
use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::extract::Name;
use crate::live::{is_settled, wait_until};
use crate::state::App;
use crate::views::Eyes;
use crate::waiters::Place;

const HEARTBEAT: Duration = Duration::from_secs(15);
/// The stream ends after this; clients come back with `Last-Event-ID`.
const LENGTH: Duration = Duration::from_mins(1);
/// What clients are told to wait before they come back.
const RETRY: Duration = Duration::from_secs(2);

/// `GET /v1/uploads/{id}/events`
///
/// How the upload stands, then each change, until it is settled or the time is over.
#[utoipa::path(
    get,
    path = "/v1/uploads/{id}/events",
    tag = "uploads",
    operation_id = "watch_upload",
    summary = "Watch an upload as server-sent events",
    params(
        ("id" = UploadId, Path),
        ("last-event-id" = Option<u64>, Header, description = "The revision that is known")
    ),
    security(("token" = [])),
    responses((status = 200, description = "One for how it stands and one for each change; ends when nothing more will happen, or after a minute", body = UploadEvent, content_type = "text/event-stream")),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
    Name(id): Name<UploadId>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    owned(&app, &caller, id).await?;
    let eyes = app.eyes(&caller).await?;
    let seen = headers
        .get("last-event-id")
        .and_then(|seen| seen.to_str().ok()?.parse().ok());
    // As many as may wait, wait: the others get one event and come back.
    let place = app.waiters.enter(caller.account);
    let end = Instant::now()
        + if place.is_some() {
            LENGTH
        } else {
            Duration::ZERO
        };
    let feed = Feed {
        app,
        eyes,
        id,
        seen,
        end,
        over: false,
        _place: place,
    };
    let events = unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((event, feed))
    });
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("still here");
    Ok(Sse::new(events).keep_alive(keep_alive))
}

/// An event as it is sent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `event` makes")]
pub(crate) struct UploadEvent {
    /// Always `upload`.
    #[schema(example = "upload")]
    event: String,
    /// The revision, to come back with as `Last-Event-ID`.
    id: String,
    /// The `Upload` as JSON.
    #[schema(content_media_type = "application/json")]
    data: String,
    /// Milliseconds to wait before coming back.
    retry: Option<u64>,
}

struct Feed {
    app: Arc<App>,
    eyes: Eyes,
    id: UploadId,
    seen: Option<u64>,
    end: Instant,
    over: bool,
    _place: Option<Place>,
}

impl Feed {
    async fn next(&mut self) -> Option<Result<Event, axum::Error>> {
        if self.over {
            return None;
        }
        match self.newer().await {
            Ok(upload) => {
                let upload = upload?;
                self.seen = Some(upload.revision);
                self.over = is_settled(&self.app, &upload);
                Some(event(&self.eyes, &upload))
            }
            Err(error) => {
                // The client sees the stream end and comes back.
                tracing::warn!(upload.id = %self.id, %error, "an event stream ended early");
                None
            }
        }
    }

    /// The upload once it is newer than what was seen; `None` at the end.
    async fn newer(&self) -> Result<Option<Upload>, sluicegate_core::error::PortError> {
        let newer = |upload: &Upload| self.seen.is_none_or(|seen| upload.revision > seen);
        let enough = |upload: &Upload| newer(upload) || is_settled(&self.app, upload);
        let found = wait_until(&self.app, self.id, self.end, enough).await?;
        Ok(found.filter(newer))
    }
}

fn event(eyes: &Eyes, upload: &Upload) -> Result<Event, axum::Error> {
    Event::default()
        .event("upload")
        .id(upload.revision.to_string())
        .retry(RETRY)
        .json_data(eyes.upload(upload))
}
