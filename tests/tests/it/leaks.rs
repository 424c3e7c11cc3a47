//! The look at every program's output that keeps secrets out of logs: a leak fails, and nothing else does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sluicegate_tests::platform::EDGE_KEY;
use sluicegate_tests::process::{KEPT_LINES, Program};
use sluicegate_tests::secrets;

const LIMIT: Duration = Duration::from_secs(30);

/// A program that runs this script to its end and is dropped; what its drop panicked with.
fn dropped(script: &str, environment: &[(String, String)]) -> Option<String> {
    let program = Program::start(Path::new("/bin/sh"), &["-c", script], environment).unwrap();
    let ended = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(async { catch(program.finish(LIMIT)).await });
    ended.err()
}

/// The same as `catch_unwind` for a future that is polled in one thread.
async fn catch<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = Box::pin(future);
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => std::task::Poll::Ready(Err(panic
                .downcast_ref::<String>()
                .expect("said something")
                .clone())),
        }
    })
    .await
}

fn setting(name: &str, value: &str) -> [(String, String); 1] {
    [(name.to_owned(), value.to_owned())]
}

#[test]
fn a_secret_in_a_log_fails_whoever_ends_the_program() {
    let head = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9";
    let payload = "eyJpc3MiOiJzbHVpY2VnYXRlIiwic3ViIjoi";
    secrets::register_json(&json!({
        "refresh_token": "kept_refresh_token_of_this_test",
        "account": { "device_token": "kept_device_token_of_this_test" },
        "preview_url": "/media/x.webp?preview=kept_preview_of_this_test",
        "items": [{ "password": "a password of this test" }],
    }));
    for (line, what) in [
        (
            "PUT /staging/x?X-Amz-Expires=9&X-Amz-Signature=00",
            "a presigned URL",
        ),
        ("uri: /staging/x?x-amz-signature=00", "a presigned URL"),
        (
            "authorization: Bearer kb4hGIqWnhHlLOmyk3Yx",
            "a bearer token",
        ),
        (&format!("token={head}.{payload}.c2ln"), "a signed token"),
        (
            "GET /media/x.webp?preview=AAAAAAAAAAAAAAAA",
            "the token of a preview",
        ),
        (
            "refreshed \"kept_refresh_token_of_this_test\"",
            "a secret that somebody was given",
        ),
        (
            "device=kept_device_token_of_this_test",
            "a secret that somebody was given",
        ),
        (
            "of kept_preview_of_this_test.",
            "a secret that somebody was given",
        ),
        (
            "tried a password of this test",
            "a password or a key of the settings",
        ),
        (EDGE_KEY, "a password or a key of the settings"),
    ] {
        let script = format!("echo before; echo '{line}' >&2; echo after");
        let panic = dropped(&script, &[]).unwrap_or_else(|| panic!("{line} passed"));
        assert!(panic.contains(what), "{line}: {panic}");
        assert!(panic.starts_with("sh logged secrets:"), "{panic}");
    }
}

#[test]
fn the_secrets_of_its_own_settings_are_known() {
    for (name, value, secret) in [
        ("PURGE_HOOK_KEY", "the-key-of-a-hook", "the-key-of-a-hook"),
        ("S3_SECRET_ACCESS_KEY", "of+the/store=", "of+the/store="),
        ("SPIN_VARIABLE_JWT_SECRET", "signs signs", ""),
        ("SPIN_VARIABLE_JWT_SECRET", "signs and signs", "and signs"),
        (
            "DATABASE_URL",
            "postgres://user:the-password-of-a-database@host/name",
            "the-password-of-a-database",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Basic c2VjcmV0OnNlY3JldA==",
            "Basic c2VjcmV0OnNlY3JldA==",
        ),
    ] {
        let whole = if name.ends_with("_URL") || name.ends_with("_HEADERS") {
            secret
        } else {
            value
        };
        let script = format!("echo 'the value is <{whole}>'");
        let panic = dropped(&script, &setting(name, value));
        // What is too short to be told from other words is not looked for.
        assert_eq!(panic.is_some(), !secret.is_empty(), "{name}={value}");
    }
    let harmless = setting("S3_ACCESS_KEY_ID", "the-name-of-a-key");
    assert_eq!(dropped("echo the-name-of-a-key", &harmless), None);
}

#[test]
fn what_is_no_secret_passes() {
    let lines = [
        "www-authenticate: Bearer realm=\"sluicegate\", error=\"invalid_token\"",
        "GET /media/01890a5d-ac96-774b-bcce-b302099a8057.webp?preview=***",
        "POST /v1/sessions/refresh 200 request_id=0123456789abcdef0123456789abcdef",
        "EDGE_KEY is set; X-Amz-Signature is signed",
        "eyJ is how tokens begin.",
    ];
    for line in lines {
        assert_eq!(dropped(&format!("echo '{line}'"), &[]), None, "{line}");
    }
}

#[test]
fn lines_that_are_not_kept_are_looked_at_too() {
    let script = format!("seq {KEPT_LINES}; echo 'x-amz-signature=00'; echo after");
    let panic = dropped(&script, &[]).expect("the leak is seen");
    assert!(panic.contains("a presigned URL"), "{panic}");
}

#[test]
fn a_file_that_it_logs_to_is_looked_at_too() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = format!("echo 'X-Amz-Signature=00' > {}", log.display());
    let program = Program::start(Path::new("/bin/sh"), &["-c", &script], &[]).unwrap();
    let ending = program.with_log(log).finish(LIMIT);
    let ended = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(catch(ending));
    let panic = ended.expect_err("the leak is seen");
    assert!(panic.contains("a presigned URL"), "{panic}");
}
