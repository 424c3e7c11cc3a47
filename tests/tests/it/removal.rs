//! How long a picture that everybody saw is seen after its removal, and who is told.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reqwest::Method;
use serde_json::{Value, json};
use sluicegate_contract::limits::GRANT_CACHE_TIME;
use sluicegate_contract::uploads::Moderation;
use sluicegate_tests::client::Answer;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::metrics::Metrics;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::wait_for;
use tokio_util::task::AbortOnDropHandle;

/// Many times the 30 seconds that a grant is kept.
const LIMIT: Duration = Duration::from_mins(3);
/// For a machine that is busy.
const SLACK: Duration = Duration::from_secs(8);
/// The time of a removal is taken shortly before it is committed.
const EARLIER: Duration = Duration::from_secs(1);

/// What a hook heard: idempotency key, authorization, body; and when.
type Heard = Arc<Mutex<Vec<(Said, Instant)>>>;
type Said = (String, String, Value);

/// A hook that fails its first call.
async fn hook() -> (String, Heard, AbortOnDropHandle<()>) {
    let heard = Heard::default();
    let router = Router::new()
        .route("/purge", post(hear))
        .with_state(Arc::clone(&heard));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/purge", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    (url, heard, AbortOnDropHandle::new(server))
}

async fn hear(State(heard): State<Heard>, headers: HeaderMap, body: String) -> StatusCode {
    let said = |name: &str| headers[name].to_str().unwrap().to_owned();
    let body = serde_json::from_str(&body).unwrap();
    let mut heard = heard.lock().unwrap();
    let said = (said("idempotency-key"), said("authorization"), body);
    heard.push((said, Instant::now()));
    if heard.len() == 1 {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::ACCEPTED
    }
}

fn is_gone(answer: &Answer) {
    answer.expect_status(404).unwrap();
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("etag"), "");
}

#[tokio::test]
async fn a_removed_picture_is_gone_and_the_caches_are_told() {
    let (hook_url, heard, _hook) = hook().await;
    let detector = Detector::start().await.unwrap();
    detector.set_down(true);
    let options = Options::default()
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "true")
        .setting("PURGE_HOOK_URL", &hook_url)
        .setting("PURGE_HOOK_KEY", "the hook's key");
    let platform = Platform::start(options).await.unwrap();
    let stranger = platform.client().unwrap();
    let (owner, _) = stranger.sign_up("removal_owner").await.unwrap();
    let file = fixtures::read("unsafe.png").unwrap();
    let upload = owner.upload_ok("avatar", file).await.unwrap();
    // The edge keeps this grant.
    let seen = stranger.get(&upload.url).await.unwrap();
    seen.expect_status(200).unwrap();
    assert!(seen.header("cache-control").contains("max-age=60"));

    // As does another one; it is only asked for what needs no byte.
    let (spare, spare_url) = platform
        .start_another_edge(&platform.origin_url)
        .await
        .unwrap();
    let elsewhere = stranger.at(&spare_url);
    let kept = elsewhere.call(Method::HEAD, &upload.url).await.unwrap();
    kept.expect_status(200).unwrap();
    let is_there = || {
        let (objects, name) = (platform.objects("media").unwrap(), upload.id.to_string());
        objects
            .iter()
            .any(|object| object.to_string_lossy().contains(&name))
    };
    assert!(is_there(), "the picture");

    detector.fails().await.unwrap();
    detector.set_down(false);
    // It was removed between these two.
    let (mut earliest, mut latest) = (Instant::now(), Instant::now());
    wait_for("the verdict", LIMIT, async || {
        let asked = Instant::now();
        let state = owner.upload_state(upload.id).await?;
        latest = Instant::now();
        let removed = state.moderation == Moderation::Removed;
        if !removed {
            earliest = asked;
        }
        Ok(removed.then_some(()))
    })
    .await
    .unwrap();
    wait_for("the object to go", LIMIT, async || {
        Ok((!is_there()).then_some(()))
    })
    .await
    .unwrap();
    assert!(
        latest.elapsed() < SLACK,
        "gone after {:?}",
        latest.elapsed()
    );
    // No byte is left once the object is deleted, whatever the edge still thinks; what needs no byte (HEAD)
    // ends with the grant.
    let gone = stranger.get(&upload.url).await.unwrap();
    is_gone(&gone);
    let gone = wait_for("HEAD to find nothing", LIMIT, async || {
        let answer = elsewhere.call(Method::HEAD, &upload.url).await?;
        Ok((answer.status == 404).then_some(answer))
    });
    is_gone(&gone.await.unwrap());
    let seen_for = latest.elapsed();
    assert!(seen_for < GRANT_CACHE_TIME + SLACK, "for {seen_for:?}");

    wait_for("the hook to be called again", LIMIT, async || {
        Ok((heard.lock().unwrap().len() >= 2).then_some(()))
    })
    .await
    .unwrap();
    let origin = platform.origin.as_ref().unwrap();
    let failed = Metrics::of(origin).await.unwrap().sum(
        "sluicegate_job_attempt_duration_seconds_count",
        &[("queue", "media-purge"), ("outcome", "retry")],
    );
    assert!(failed > 0.5, "the alert PurgeHookFails sees nothing");
    spare.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 2, "once, and once more after a failure");
    assert_eq!(heard[0].0, heard[1].0, "each attempt says the same");
    let ((id, key, body), told) = &heard[0];
    let after = told.duration_since(earliest) + EARLIER;
    assert!(after > GRANT_CACHE_TIME, "told after {after:?}: too early");
    assert!(!id.is_empty());
    assert_eq!(key, "Bearer the hook's key");
    let path = format!("/media/{}", upload.key);
    assert_eq!(*body, json!({ "key": upload.key, "path": path }));
}
