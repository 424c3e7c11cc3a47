use std::process::{Command, Output};

fn doctor(data: &std::path::Path, more: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluicegate-origin"))
        .arg("doctor")
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
    let output = doctor(data.path(), &[("EDGE_KEY", "a-key-that-nobody-may-see")]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("EDGE_KEY") && !text.contains("nobody-may-see"),
        "{text}"
    );
    assert!(text.contains("pictures stay unreviewed"), "{text}");
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
