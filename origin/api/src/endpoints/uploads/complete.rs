use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use sluicegate_contract::ids::{JobId, UploadId};
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::uploads::{Moderation, UploadState};
use sluicegate_core::job::{IMAGE_QUEUE, ModerateImage, NewJob};
use sluicegate_core::upload::{Completion, Upload};
use sluicegate_core::wake::Wake;

use super::{judged, owned, refusal, staged};
use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::extract::Name;
use crate::http::trace::Trace;
use crate::state::App;
use crate::views::Eyes;

/// `POST /v1/uploads/{id}/complete`
///
/// The file is stored; from here on it is an upload. Can be repeated until the ticket runs out.
#[utoipa::path(
    post,
    path = "/v1/uploads/{id}/complete",
    tag = "uploads",
    operation_id = "complete_upload",
    summary = "Say that the file is stored",
    params(("id" = UploadId, Path)),
    security(("token" = [])),
    responses(
        (status = 201, description = "The upload", body = sluicegate_contract::uploads::Upload, headers(("location" = String, description = "Its address"))),
        (status = 200, description = "It was completed before", body = sluicegate_contract::uploads::Upload)
    ),
    extensions(("x-problems" = json!(["conflict", "upload-expired", "unsupported-media-type", "picture-refused", "content-refused"]))),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
    Name(id): Name<UploadId>,
    Trace(traceparent): Trace,
) -> Result<Response, ApiError> {
    // A client of the edge knows the upload only by the answer: with the id it can try again.
    let answer = complete(&app, &caller, id, traceparent).await;
    answer.map_err(|error| error.with("upload_id", id.to_string()))
}

async fn complete(
    app: &App,
    caller: &Caller,
    id: UploadId,
    traceparent: Option<String>,
) -> Result<Response, ApiError> {
    let upload = owned(app, caller, id).await?;
    let eyes = app.eyes(caller).await?;
    if upload.state != UploadState::Ticketed {
        return settled_before(app, &eyes, &upload).await;
    }
    if app.env.now() >= upload.expires_at {
        return Err(expired());
    }
    let Some(etag) = staged::check(app, &upload).await? else {
        return overtaken(app, &eyes, &upload).await;
    };
    let completion = if app.config.image_sync && app.config.image_checks {
        judged::complete(app, &upload, &etag, traceparent).await?
    } else {
        unjudged(app, &upload, &etag, traceparent).await?
    };
    match completion {
        Completion::Completed(upload) => Ok(created(&eyes, &upload)),
        Completion::Already(upload) | Completion::Refused(upload) => {
            settled_before(app, &eyes, &upload).await
        }
        Completion::Unknown => Err(ApiError::not_found()),
    }
}

/// Commits the upload with its job; a worker makes and judges the picture.
pub(super) async fn unjudged(
    app: &App,
    upload: &Upload,
    etag: &str,
    traceparent: Option<String>,
) -> Result<Completion, ApiError> {
    let now = app.env.now();
    let payload = ModerateImage {
        key: upload.key(),
        upload_type: upload.purpose.into(),
        user_id: upload.owner,
    };
    let job = NewJob::moderate_image(JobId(app.env.new_id()), &payload, traceparent, now);
    let completion = app.uploads.complete(upload.id, etag, &job, now).await?;
    if matches!(completion, Completion::Completed(_)) {
        app.waker.wake(Wake::Jobs(IMAGE_QUEUE));
        app.waker.wake(Wake::Upload(upload.id));
    }
    Ok(completion)
}

fn created(eyes: &Eyes, upload: &Upload) -> Response {
    let location = [(header::LOCATION, format!("/v1/uploads/{}", upload.id))];
    (StatusCode::CREATED, location, Json(eyes.upload(upload))).into_response()
}

/// The file is gone: another call came between and it is being worked on, or it never was there.
async fn overtaken(app: &App, eyes: &Eyes, upload: &Upload) -> Result<Response, ApiError> {
    match app.uploads.upload(upload.id).await? {
        None => Err(ApiError::not_found()),
        Some(upload) if upload.state == UploadState::Ticketed => Err(staged::not_there()),
        Some(upload) => settled_before(app, eyes, &upload).await,
    }
}

/// As `earlier`. What an earlier call refused but could not delete is deleted first, and what arrived after its ticket was
/// given back: that counts nowhere any more.
async fn settled_before(app: &App, eyes: &Eyes, upload: &Upload) -> Result<Response, ApiError> {
    if upload.state == UploadState::Expired {
        app.pictures.delete_staged(upload.id).await;
    }
    if upload.state == UploadState::Rejected {
        if upload.moderation == Moderation::Removed {
            app.objects.delete(&upload.media_object()).await?;
        }
        app.objects.delete(&upload.staged_object()).await?;
    }
    earlier(eyes, upload)
}

/// The answer where another call came first.
fn earlier(eyes: &Eyes, upload: &Upload) -> Result<Response, ApiError> {
    match upload.state {
        UploadState::Received
        | UploadState::Processing
        | UploadState::Ready
        | UploadState::Failed => Ok(Json(eyes.upload(upload)).into_response()),
        UploadState::Rejected => Err(refusal(upload)),
        UploadState::Ticketed | UploadState::Expired => Err(expired()),
    }
}

fn expired() -> ApiError {
    ApiError::new(ProblemType::UploadExpired).detail("Its ticket ran out. Start a new upload.")
}
