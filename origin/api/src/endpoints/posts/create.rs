use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use sluicegate_contract::ids::{AccountId, JobId, PostId};
use sluicegate_contract::posts::NewPost as Request;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::answer::{self, Repeat, RequestName, StoredAnswer};
use sluicegate_core::error::PortError;
use sluicegate_core::job::{NewJob, POST_QUEUE, ProcessPost};
use sluicegate_core::ports::{CreatePostError, Once};
use sluicegate_core::post::{NewPost, Post, fingerprint, parse_body};
use sluicegate_core::public::Change;
use sluicegate_core::text::stage_one;
use sluicegate_core::wake::Wake;

use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::idempotency::{IdempotencyKey, repeated, response};
use crate::http::trace::Trace;
use crate::http::{extract, kept};
use crate::state::App;

/// Under which a repeat is looked for.
const ROUTE: &str = "POST /v1/posts";

/// `POST /v1/posts`
#[utoipa::path(
    post,
    path = "/v1/posts",
    tag = "posts",
    operation_id = "create_post",
    summary = "Write a post",
    params(
        ("idempotency-key" = Option<String>, Header, description = "Names the request for 24 hours: a repeat with the same key and content is answered as the first one was, and writes nothing. 409 while the first one is being worked on; what was refused may be asked again"),
    ),
    request_body = Request,
    security(("token" = [])),
    responses((status = 201, description = "The post", body = sluicegate_contract::posts::Post, headers(("location" = String, description = "Its address")))),
    extensions(("x-problems" = json!(["conflict", "content-refused", "idempotency-key-reused", "unsuitable-upload"]))),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
    Trace(traceparent): Trace,
    key: IdempotencyKey,
    extract::Json(request): extract::Json<Request>,
) -> Result<Response, ApiError> {
    let now = app.env.now();
    let name = name(&caller, key, &request, now)?;
    if let Some(name) = &name
        && let Some(repeat) = app.answers.find(name).await?
    {
        return again(&app, &caller, repeat).await;
    }
    let body = parse_body(&request.body, app.config.limits.post_chars)?;
    // Before anything is written: what comes after must not fail.
    let eyes = app.eyes(&caller).await?;
    if app.config.content_sync
        && let Err(refused) = check(&app, caller.account, &body, now).await
    {
        return first_or(&app, &caller, name.as_ref(), refused).await;
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
    let posts = Arc::clone(&app.posts);
    let creation = async move {
        let answer = |post: Post| StoredAnswer {
            status: 201,
            location: Some(format!("/v1/posts/{id}")),
            // A post is texts and numbers: writing it cannot fail.
            body: serde_json::to_string(&eyes.post(post)).unwrap_or_default(),
        };
        let Some(name) = &name else {
            return posts.create(&post, &job).await.map(answer);
        };
        let once = Once {
            name,
            answer: &answer,
        };
        posts.create_once(&post, &job, &once).await
    };
    match kept::changed(&app, Change::NewPost, creation).await {
        Ok(answer) => {
            app.waker.wake(Wake::Jobs(POST_QUEUE));
            Ok(response(answer))
        }
        Err(CreatePostError::Repeated(repeat)) => again(&app, &caller, repeat).await,
        Err(CreatePostError::UnsuitableUpload) => Err(ApiError::new(ProblemType::UnsuitableUpload).detail(
            "It must be an upload of your own with purpose post_header, that has arrived and was not removed.",
        )),
        Err(CreatePostError::Port(error)) => Err(error.into()),
    }
}

/// The request by its name, if the client gives it one.
fn name(
    caller: &Caller,
    key: IdempotencyKey,
    request: &Request,
    at: Timestamp,
) -> Result<Option<RequestName>, ApiError> {
    let Some(key) = key.read()? else {
        return Ok(None);
    };
    let content =
        serde_json::to_vec(request).map_err(|error| PortError::failed("idempotency key", error))?;
    Ok(Some(RequestName {
        owner: caller.account,
        route: ROUTE,
        key,
        fingerprint: answer::fingerprint(&content),
        at,
    }))
}

/// A repeat that came beside the first request was refused as a copy of what that one wrote meanwhile: it is answered
/// as that one was.
async fn first_or(
    app: &App,
    caller: &Caller,
    name: Option<&RequestName>,
    refused: ApiError,
) -> Result<Response, ApiError> {
    if let Some(name) = name
        && let Some(repeat) = app.answers.find(name).await?
    {
        return again(app, caller, repeat).await;
    }
    Err(refused)
}

/// What a repeat is answered with: as the first request was, but for previews, whose addresses would have ended.
async fn again(app: &App, caller: &Caller, repeat: Repeat) -> Result<Response, ApiError> {
    let Repeat::Answered(mut answer) = repeat else {
        return repeated(repeat);
    };
    if let Ok(post) = serde_json::from_str(&answer.body) {
        let post = app.eyes(caller).await?.post_again(post);
        answer.body = serde_json::to_string(&post).unwrap_or(answer.body);
    }
    Ok(response(answer))
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
