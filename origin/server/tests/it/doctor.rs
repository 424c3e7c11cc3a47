use std::path::Path;
use std::process::{Command, Output};

use axum::Router;
use axum::http::{Method, StatusCode};
use serde_json::Value;

fn doctor(data: &Path, more: &[(&str, &str)]) -> Output {
    run(data, &["doctor"], more)
}

/// Fails if anything is wrong but the disk: how full that is, is the machine's own affair.
pub(crate) fn assert_fit(checks: &[Value]) {
    for check in checks {
        assert!(
            check["state"] != "wrong" || check["check"] == "disk",
            "{check}"
        );
    }
}

/// Each check of `doctor --json`, and whether all is well.
pub(crate) fn checks(data: &Path, more: &[(&str, &str)]) -> (Vec<Value>, bool) {
    let output = run(data, &["doctor", "--json"], more);
    let report: Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    let checks = report["checks"].as_array().expect("is a list").clone();
    (checks, output.status.success())
}

pub(crate) fn check<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    let found = checks.iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {checks:#?}"))
}

pub(crate) fn run(data: &Path, arguments: &[&str], more: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluicegate-origin"))
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(
            std::env::var_os("SLUICEGATE_POSTGRES_BIN").map(|bin| ("SLUICEGATE_POSTGRES_BIN", bin)),
        )
        .env("SLUICEGATE_DATA", data)
        .envs(more.iter().copied())
        .output()
        .expect("runs")
}

#[test]
fn a_fresh_machine_is_fit() {
    let data = tempfile::tempdir().expect("makes a folder");
    let settings = [("EDGE_KEY", "a-key-that-nobody-may-see")];
    let (found, is_well) = checks(data.path(), &settings);
    assert_fit(&found);
    assert_eq!(is_well, check(&found, "disk")["state"] != "wrong");
    let output = doctor(data.path(), &settings);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("EDGE_KEY") && !text.contains("nobody-may-see"),
        "{text}"
    );
    assert!(text.contains("pictures stay unreviewed"), "{text}");
    assert!(text.contains("ok, a picture was made in it"), "{text}");
    assert!(text.contains("MiB free"), "{text}");
}

#[test]
fn whatever_is_not_well_has_a_remedy() {
    let data = tempfile::tempdir().expect("makes a folder");
    let (fresh, _) = checks(data.path(), &[]);
    let nobody = "http://127.0.0.1:9";
    let down = [
        ("DATABASE_URL", "postgres://app@127.0.0.1:9/x"),
        ("MODERATION_IMAGE_SERVICE_URL", nobody),
        ("MODERATION_MODEL_URL", nobody),
        ("MODERATION_MODEL", "tiny"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", nobody),
    ];
    let (down, is_well) = checks(data.path(), &down);
    assert!(!is_well);
    assert_eq!(check(&fresh, "edge key")["state"], "note");
    assert_eq!(check(&down, "database")["state"], "wrong");
    assert_eq!(check(&down, "trace collector")["state"], "note");
    for check in fresh.iter().chain(&down) {
        let remedy = check["remedy"].as_str().expect("is text");
        assert_eq!(check["state"] == "ok", remedy.is_empty(), "{check}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_enforces_nothing_is_refused() {
    let careless = Router::new().fallback(async |method: Method| {
        if method == Method::DELETE {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::OK
        }
    });
    let store = crate::seeing::stand_in::serve(careless).await;
    let data = tempfile::tempdir().expect("makes a folder");
    let settings = [
        ("S3_ENDPOINT", store.as_str()),
        ("S3_ACCESS_KEY_ID", "id"),
        ("S3_SECRET_ACCESS_KEY", "hunter2"),
    ];
    let (checks, is_well) = checks(data.path(), &settings);
    assert!(!is_well);
    assert_eq!(check(&checks, "objects")["state"], "ok");
    let promise = check(&checks, "presigned uploads");
    assert_eq!(promise["found"], "it takes more bytes than were signed");
    assert_eq!(promise["state"], "wrong");
}

#[test]
fn what_is_needed_and_down_is_named() {
    let data = tempfile::tempdir().expect("makes a folder");
    let output = doctor(
        data.path(),
        &[
            // Port 9 (discard): nobody listens there.
            ("DATABASE_URL", "postgres://app:hunter2@127.0.0.1:9/x"),
            ("S3_ENDPOINT", "http://127.0.0.1:9"),
            ("S3_ACCESS_KEY_ID", "id"),
            ("S3_SECRET_ACCESS_KEY", "hunter2"),
            ("MODERATION_IMAGE_SERVICE_URL", "http://127.0.0.1:9"),
        ],
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("check DATABASE_URL") && text.contains("check S3_ENDPOINT"),
        "{text}"
    );
    assert!(text.contains("verdicts wait"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}
