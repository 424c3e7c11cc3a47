use std::sync::Arc;

use bytes::Bytes;
use sluicegate_conformance::detector::{PICTURE, Wire, all};
use sluicegate_conformance::scripted::{Reply, ScriptedServer};
use sluicegate_core::moderation::Judgement;
use sluicegate_core::ports::Detector;
use sluicegate_local::{HttpDetector, NoDetector, system_env};

use crate::support::{EXPECTED, client, limits};

const SAFE: &str = r#"{"safe":true,"confidence":0.97,"reason":"nothing found"}"#;

#[tokio::test]
async fn the_http_detector_conforms() {
    let wire = Wire {
        safe: SAFE.to_owned(),
        unsafe_: r#"{"safe":false,"confidence":0.9,"reason":"nudity"}"#.to_owned(),
        nonsense: [
            r#"{"safe":"yes","confidence":1,"reason":""}"#,
            r#"{"safe":true,"confidence":7,"reason":""}"#,
            r#"{"safe":true}"#,
            r#"{"error":"model not loaded"}"#,
            r#"[{"safe":true,"confidence":1,"reason":""}]"#,
        ]
        .map(str::to_owned)
        .to_vec(),
    };
    let client = client();
    let make = |url: &str| -> Arc<dyn Detector> {
        Arc::new(HttpDetector::new([url], &client, &system_env(), limits()).expect("a URL"))
    };
    all(make, &wire, EXPECTED).await;
}

#[tokio::test]
async fn the_picture_is_sent_as_the_protocol_says() {
    let server = ScriptedServer::start(Reply::ok(SAFE)).await;
    let url = format!(
        "http://user:pw@{}/base/",
        server.url().trim_start_matches("http://")
    );
    let detector =
        HttpDetector::new([url.as_str()], &client(), &system_env(), limits()).expect("a URL");
    detector
        .classify(Bytes::from_static(PICTURE))
        .await
        .expect("safe");
    detector.ping().await.expect("healthy");
    let seen = server.take_seen();
    assert_eq!(
        (seen[0].method.as_str(), seen[0].path.as_str()),
        ("POST", "/base/classify")
    );
    assert_eq!(seen[0].headers["content-type"], "application/octet-stream");
    assert_eq!(seen[0].headers["authorization"], "Basic dXNlcjpwdw==");
    assert_eq!(seen[0].body, PICTURE);
    assert_eq!(
        (seen[1].method.as_str(), seen[1].path.as_str()),
        ("GET", "/base/health")
    );
    assert!(!detector.name().contains("pw"), "{}", detector.name());
}

#[tokio::test]
async fn errors_tell_no_secrets() {
    let server = ScriptedServer::start(Reply::Close).await;
    let url = format!(
        "http://user:hidden@{}",
        server.url().trim_start_matches("http://")
    );
    let detector =
        HttpDetector::new([url.as_str()], &client(), &system_env(), limits()).expect("a URL");
    let error = detector
        .classify(Bytes::from_static(PICTURE))
        .await
        .expect_err("closed");
    assert!(
        !format!("{error} {error:?}").contains("hidden"),
        "{error:?}"
    );
}

#[tokio::test]
async fn none_judges_nothing() {
    let judged = NoDetector
        .classify(Bytes::from_static(PICTURE))
        .await
        .expect("never fails");
    assert_eq!(judged, Judgement::Unjudged);
    assert_eq!(NoDetector.name(), "none");
}
