use std::time::Duration;

use bytes::Bytes;
use sluicegate_conformance::scripted::{Reply, ScriptedServer};
use sluicegate_core::ports::Detector;
use sluicegate_local::{HttpDetector, ServiceLimits};

use crate::support::{HeldClock, client, limits};

const SAFE: &str = r#"{"safe":true,"confidence":1,"reason":"fine"}"#;

async fn ask(detector: &HttpDetector) -> bool {
    detector.classify(Bytes::from_static(b"jpeg")).await.is_ok()
}

#[tokio::test]
async fn a_service_that_fails_is_left_alone_and_tried_again() {
    let server = ScriptedServer::start(Reply::Answer(503, Vec::new())).await;
    let clock = HeldClock::new();
    let limits = ServiceLimits {
        retries: 0,
        ..limits()
    };
    let detector =
        HttpDetector::new([server.url().as_str()], &client(), &clock.env(), limits).expect("a URL");
    for _ in 0..5 {
        assert!(!ask(&detector).await);
    }
    assert_eq!(server.take_seen().len(), 5);

    server.always(Reply::ok(SAFE));
    let refused = detector
        .classify(Bytes::from_static(b"jpeg"))
        .await
        .expect_err("open");
    assert!(
        refused.is_unavailable(),
        "an open breaker is an outage: {refused}"
    );
    assert_eq!(server.take_seen().len(), 0, "not asked at all");

    clock.pass(Duration::from_secs(10));
    assert!(ask(&detector).await, "half-open, and well again");
    assert!(ask(&detector).await);
}

#[tokio::test]
async fn nonsense_opens_it_and_a_refused_picture_does_not() {
    let server = ScriptedServer::start(Reply::Answer(413, Vec::new())).await;
    let clock = HeldClock::new();
    let detector = HttpDetector::new([server.url().as_str()], &client(), &clock.env(), limits())
        .expect("a URL");
    for _ in 0..8 {
        assert!(!ask(&detector).await);
    }
    assert_eq!(server.take_seen().len(), 8, "asked every time, once each");

    server.always(Reply::ok("garbage"));
    for _ in 0..8 {
        assert!(!ask(&detector).await);
    }
    assert_eq!(server.take_seen().len(), 5, "left alone after five");
}
