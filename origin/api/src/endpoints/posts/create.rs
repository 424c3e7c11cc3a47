use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use sluicegate_contract::ids::{AccountId, JobId, PostId};
use sluicegate_contract::posts::NewPost as Request;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::{NewJob, POST_QUEUE, ProcessPost};
use sluicegate_core::ports::CreatePostError;
use sluicegate_core::post::{NewPost, fingerprint, parse_body};
use sluicegate_core::text::stage_one;
use sluicegate_core::wake::Wake;

use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::extract;
use crate::http::trace::Trace;
use crate::state::App;

/// `POST /v1/posts`
#[utoipa::path(
    post,
    path = "/v1/posts",
    tag = "posts",
    operation_id = "create_post",
    summary = "Write a post",
    request_body = Request,
    security(("token" = [])),
    responses((status = 201, description = "The post", body = sluicegate_contract::posts::Post, headers(("location" = String, description = "Its address")))),
    extensions(("x-problems" = json!(["content-refused", "unsuitable-upload"]))),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
    Trace(traceparent): Trace,
    extract::Json(request): extract::Json<Request>,
) -> Result<Response, ApiError> {
    let body = parse_body(&request.body, app.config.limits.post_chars)?;
    // Before anything is written: what comes after must not fail.
    let eyes = app.eyes(&caller).await?;
    let now = app.env.now();
    if app.config.content_sync {
        check(&app, caller.account, &body, now).await?;
    }
    let id = PostId(app.env.new_id());
    let post = NewPost {
        id,
        author: caller.account,
        fingerprint: fingerprint(&body),
        body,
        header: request.header_upload_id,
        created_at: now,
    };
    let payload = ProcessPost {
        post_id: id,
        user_id: caller.account,
    };
    let job = NewJob::process_post(JobId(app.env.new_id()), &payload, traceparent, now);
    let post = app.posts.create(&post, &job).await.map_err(refused)?;
    app.waker.wake(Wake::Jobs(POST_QUEUE));
    let location = [(header::LOCATION, format!("/v1/posts/{id}"))];
    Ok((StatusCode::CREATED, location, Json(eyes.post(post))).into_response())
}

/// Stage 1, before anything is written. The job checks again: of two equal posts that come at once, both may
/// pass here.
async fn check(app: &App, author: AccountId, body: &str, now: Timestamp) -> Result<(), ApiError> {
    let posts = app.posts.as_ref();
    match stage_one(&app.text_policy, posts, author, body, now, None).await? {
        None => Ok(()),
        Some(hit) => Err(ApiError::new(ProblemType::ContentRefused)
            .detail(hit.reason())
            .with("reason", hit.reason())
            .with("source", hit.source())),
    }
}

fn refused(error: CreatePostError) -> ApiError {
    match error {
        CreatePostError::UnsuitableUpload => ApiError::new(ProblemType::UnsuitableUpload).detail(
            "It must be an upload of your own with purpose post_header, that has arrived and was not removed.",
        ),
        CreatePostError::Port(error) => error.into(),
    }
}
