//! The command `detector`.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use axum::body::Bytes;
use reqwest::Client;
use serde_json::{Value, json};
use sluicegate_conformance::detector::PICTURE;
use sluicegate_conformance::scripted::{Reply, ScriptedServer};
use sluicegate_local::system_env;
use sluicegate_origin::compose;
use sluicegate_origin::settings::Settings;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::seeing::program::Program;

const LIMIT: Duration = Duration::from_secs(30);
/// A JPEG by its beginning.
const KNOWN: &[u8] = b"\xff\xd8\xff\xe0 a picture that somebody knows";
const OTHER: &[u8] = b"\xff\xd8\xff\xe0 a picture that nobody knows";

/// As an operator would make the list.
fn sha256sum(bytes: &[u8]) -> String {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut input = child.stdin.take().expect("is piped");
    input.write_all(bytes).expect("takes it");
    drop(input);
    let output = child.wait_with_output().expect("ends").stdout;
    String::from_utf8(output)
        .expect("is text")
        .replace('-', "seen before")
}

#[expect(clippy::disallowed_methods, reason = "a test is a client of its own")]
fn client() -> Client {
    // Only the first test of the process installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

async fn classify(client: &Client, url: &str, body: Vec<u8>) -> Result<Value, u16> {
    let request = client.post(format!("{url}/classify")).body(body);
    let answer = request.send().await.expect("answers");
    match answer.status().as_u16() {
        200 => Ok(answer.json().await.expect("is JSON")),
        status => Err(status),
    }
}

#[tokio::test]
async fn known_files_are_unsafe_and_others_pass() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let list = folder.path().join("unsafe");
    std::fs::write(&list, sha256sum(KNOWN)).expect("writes");
    let list = list.to_str().expect("is text");
    let settings = [
        ("DETECTOR_LISTEN", "127.0.0.1:0"),
        ("DETECTOR_UNSAFE_FILES", list),
    ];
    let program = Program::run("detector", folder.path(), &settings).await;
    let client = client();

    let known = classify(&client, &program.url, KNOWN.to_vec()).await;
    let unsafe_ = json!({"safe": false, "confidence": 1.0, "reason": "seen before"});
    assert_eq!(known, Ok(unsafe_));
    let other = classify(&client, &program.url, OTHER.to_vec()).await;
    let safe = json!({"safe": true, "confidence": 0.0, "reason": "not a known file"});
    assert_eq!(other, Ok(safe));
    for (body, status) in [
        (b"GIF89a".to_vec(), 415),
        (Vec::new(), 415),
        (vec![0xff; 17 << 20], 413),
    ] {
        assert_eq!(classify(&client, &program.url, body).await, Err(status));
    }
    let health = client.get(format!("{}/health", program.url)).send().await;
    assert_eq!(health.expect("answers").status(), 200);
    drop(client);
    let log = program.stop().await;
    assert!(log.contains("has no model"), "{log}");
}

#[tokio::test]
async fn a_detector_is_asked_about_as_many_at_once_as_is_set() {
    const SAFE: &str = r#"{"safe":true,"confidence":1,"reason":"fine"}"#;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = ScriptedServer::start(Reply::ok(SAFE)).await;
    let settings = Settings::parse(&|name| match name {
        "MODERATION_IMAGE_SERVICE_URL" => Some(server.url()),
        "MODERATION_IMAGE_SERVICE_CONCURRENCY" => Some("2".to_owned()),
        _ => None,
    });
    let settings = settings.expect("are right");
    let detector = compose::detector(&settings.moderation, &system_env()).expect("is made");
    server.hold(true);
    let mut asking = JoinSet::new();
    for _ in 0..5 {
        let detector = detector.clone();
        asking.spawn(async move { detector.classify(Bytes::from_static(PICTURE)).await });
    }
    let all_asked = async {
        while server.seen() < 2 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, all_asked).await.expect("two are asked");
    server.hold(false);
    for judged in asking.join_all().await {
        assert!(judged.is_ok(), "{judged:?}");
    }
    assert_eq!((server.seen(), server.most_at_once()), (5, 2));
}
