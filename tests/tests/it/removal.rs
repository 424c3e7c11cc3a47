//! How long a picture that everybody saw is seen after its removal, and who is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reqwest::Method;
use serde_json::{Value, json};
use sluicegate_contract::uploads::Moderation;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform};
use sluicegate_tests::wait::wait_for;
use tokio_util::task::AbortOnDropHandle;

/// Many times the 30 seconds that a grant is kept.
const LIMIT: Duration = Duration::from_mins(3);

/// What a hook heard: idempotency key, authorization, body.
type Heard = Arc<Mutex<Vec<(String, String, Value)>>>;

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
    heard.push((said("idempotency-key"), said("authorization"), body));
    if heard.len() == 1 {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::ACCEPTED
    }
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

    detector.set_down(false);
    let removed = owner.wait_for_verdict(upload.id).await.unwrap();
    assert_eq!(removed.moderation, Moderation::Removed);
    assert!(detector.failed() > 0, "the detector was down");
    // No byte is left once the object is deleted, whatever the edge still thinks; what needs no byte (HEAD)
    // ends with the grant.
    for method in [Method::GET, Method::HEAD] {
        let what = format!("{method} to find nothing");
        let gone = wait_for(what, LIMIT, async || {
            let answer = stranger.call(method.clone(), &upload.url).await?;
            Ok((answer.status == 404).then_some(answer))
        });
        let gone = gone.await.unwrap();
        assert_eq!(gone.header("cache-control"), "no-store");
        assert_eq!(gone.header("etag"), "");
    }

    wait_for("the hook to be called again", LIMIT, async || {
        Ok((heard.lock().unwrap().len() >= 2).then_some(()))
    })
    .await
    .unwrap();
    platform.stop().await.unwrap();
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 2, "once, and once more after a failure");
    assert_eq!(heard[0], heard[1], "each attempt says the same");
    let (id, key, body) = &heard[0];
    assert!(!id.is_empty());
    assert_eq!(key, "Bearer the hook's key");
    let path = format!("/media/{}", upload.key);
    assert_eq!(*body, json!({ "key": upload.key, "path": path }));
}
