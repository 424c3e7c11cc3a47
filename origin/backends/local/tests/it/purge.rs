use std::sync::Arc;

use sluicegate_conformance::purge::{all, purge};
use sluicegate_conformance::scripted::{Reply, ScriptedServer};
use sluicegate_core::ports::PurgeHook;
use sluicegate_local::{HttpPurgeHook, NoPurgeHook, PurgeLimits};

use crate::support::{TIMEOUT, client};

fn limits() -> PurgeLimits {
    PurgeLimits { timeout: TIMEOUT }
}

#[tokio::test]
async fn the_http_hook_conforms() {
    let client = client();
    let make = |url: &str| -> Arc<dyn PurgeHook> {
        let hook = HttpPurgeHook::new(url, Some("a key"), client.clone(), limits());
        Arc::new(hook.expect("a URL"))
    };
    all(make).await;
}

#[tokio::test]
async fn the_hook_is_called_as_the_protocol_says() {
    let server = ScriptedServer::start(Reply::ok("{}")).await;
    let url = format!("{}/caches/purge", server.url());
    let hook = HttpPurgeHook::new(&url, Some("hush"), client(), limits()).expect("a URL");
    let wanted = purge(7);
    hook.purge(&wanted).await.expect("taken on");
    let seen = server.take_seen();
    assert_eq!(
        (seen[0].method.as_str(), seen[0].path.as_str()),
        ("POST", "/caches/purge")
    );
    assert_eq!(seen[0].headers["authorization"], "Bearer hush");
    assert_eq!(seen[0].headers["content-type"], "application/json");
    assert_eq!(seen[0].headers["idempotency-key"], wanted.id.to_string());
    let body: serde_json::Value = serde_json::from_slice(&seen[0].body).expect("JSON");
    let key = wanted.key.to_string();
    assert_eq!(
        body,
        serde_json::json!({"key": key, "path": format!("/media/{key}")})
    );
}

#[tokio::test]
async fn errors_tell_no_secrets() {
    let server = ScriptedServer::start(Reply::Close).await;
    let url = format!(
        "http://user:hidden@{}",
        server.url().trim_start_matches("http://")
    );
    let hook = HttpPurgeHook::new(&url, Some("hush"), client(), limits()).expect("a URL");
    let error = hook.purge(&purge(8)).await.expect_err("closed");
    let said = format!("{error} {error:?} {}", hook.name());
    assert!(!said.contains("hidden") && !said.contains("hush"), "{said}");
}

#[tokio::test]
async fn none_tells_nobody() {
    NoPurgeHook.purge(&purge(9)).await.expect("never fails");
    assert_eq!(NoPurgeHook.name(), "none");
}
