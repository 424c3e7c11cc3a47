//! The program: its exit codes, its one line on standard output, its log.

use std::process::Stdio;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::program::{Program, accesses, addresses, command as program};
use crate::support::{Raw, eventually, in_time, manifest, write};

#[tokio::test]
async fn everything_wrong_is_named_before_anything_listens() {
    let app = write(
        "wrong",
        r#"
spin_manifest_version = 2
[application]
name = "wrong"
[[trigger.redis]]
channel = "x"
[[trigger.http]]
route = "/..."
component = "a"
[component.a]
source = "missing.wasm"
key_value_stores = ["default"]
"#,
    );
    let output = in_time(program(&app).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(output.stdout.is_empty());
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("trigger.redis is not supported"), "{log}");
    assert!(
        log.contains("component.a.key_value_stores is not supported"),
        "{log}"
    );
}

#[tokio::test]
async fn missing_variables_and_files_are_named() {
    let app = manifest("no-variables", "");
    let output = in_time(program(&app).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(64));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("SPIN_VARIABLE_TOKEN"), "{log}");

    let text = std::fs::read_to_string(&app).unwrap();
    let app = write(
        "no-file",
        &text.replace("test_guest.wasm", "test_guest.missing"),
    );
    let mut command = program(&app);
    command.env("SPIN_VARIABLE_TOKEN", "x");
    let output = in_time(command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(64));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("component.guest: cannot read"), "{log}");
}

#[tokio::test]
async fn https_is_refused_at_start() {
    let app = manifest(
        "https",
        "allowed_outbound_hosts = [\"https://{{ token }}\"]",
    );
    let mut command = program(&app);
    command.env("SPIN_VARIABLE_TOKEN", "store.example");
    let output = in_time(command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(64));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(
        log.contains("component.guest.allowed_outbound_hosts"),
        "{log}"
    );
    assert!(
        log.contains("TLS is terminated by what stands in between"),
        "{log}"
    );
}

#[tokio::test]
async fn an_application_that_fails_its_check_does_not_listen() {
    let app = manifest("check", "");
    let mut command = program(&app);
    command
        .args(["--check-path", "/trap"])
        .env("SPIN_VARIABLE_TOKEN", "x");
    let output = in_time(command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(output.stdout.is_empty());
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("GET /trap, asked before the start"), "{log}");
    // What the component wrote on standard error.
    let complaint = log
        .lines()
        .find(|line| line.contains("on purpose"))
        .unwrap();
    assert!(complaint.contains("WARN guest"), "{complaint}");

    let mut command = program(&app);
    command
        .args(["--check-path", "/hello"])
        .env("SPIN_VARIABLE_TOKEN", "x");
    let mut child = command.spawn().unwrap();
    addresses(&mut child).await;
}

#[tokio::test]
async fn too_low_a_limit_of_open_files_is_said_and_the_soft_one_raised() {
    let app = manifest("open-files", "");
    for (soft, hard, warns) in [(100, 1000, true), (100, 1500, false)] {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!(
                "ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$@\""
            ))
            .args(["sh", env!("CARGO_BIN_EXE_sluicegate-edge"), "--app"])
            .arg(&app)
            .args(["--max-connections", "1000", "--max-requests", "100"])
            .stdout(Stdio::null());
        // Without its variable the program ends after it has looked at the limit.
        let output = in_time(command.env_remove("SPIN_VARIABLE_TOKEN").output())
            .await
            .unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{log}");
        assert_eq!(log.contains(&format!("limited to {hard},")), warns, "{log}");
        assert!(!log.contains("limited to 100,"), "{log}");
    }
}

#[tokio::test]
async fn secrets_and_queries_stay_out_of_the_log_and_a_signal_ends_it_well() {
    let app = manifest("secrets", "variables = { token = \"{{ token }}\" }");
    let variables = [("RUST_LOG", "trace"), ("SPIN_VARIABLE_TOKEN", "hush-hush")];
    let host = Program::start(&app, &[], &variables).await;
    let mut client = Raw::open(host.address).await;
    client
        .write("GET /var/token?key=query-secret HTTP/1.1\r\nhost: edge\r\n\r\n")
        .await;
    client.read_until("hush-hush\r\n0\r\n\r\n").await;
    drop(client);
    host.terminate();
    let (status, log) = host.ended().await;
    assert_eq!(status.code(), Some(0));

    assert!(!log.contains("hush-hush"));
    let accesses = accesses(&log);
    assert_eq!(accesses.len(), 1);
    let line = &accesses[0];
    assert!(!line.to_string().contains("query-secret"));
    assert_eq!(line["path"], "/var/token");
    assert_eq!(line["method"], "GET");
    assert_eq!(line["status"], 200);
    assert_eq!(line["bytes_out"], 9);
    assert_eq!(line["component"], "guest");
    assert_eq!(line["complete"], true);
}

/// A program, and an upload that is on its way.
async fn draining(name: &str, seconds: &str) -> (Program, Raw) {
    let app = manifest(name, "");
    let arguments = ["--drain-seconds", seconds, "--upload-path", "/count"];
    let host = Program::start(&app, &arguments, &[("SPIN_VARIABLE_TOKEN", "x")]).await;
    let mut upload = Raw::open(host.address).await;
    upload.begin("/count", 10).await;
    upload.write("begun").await;
    host.until_metric("sluicegate_edge_active_uploads 1").await;
    host.terminate();
    eventually(async || TcpStream::connect(host.address).await.is_err()).await;
    (host, upload)
}

#[tokio::test]
async fn an_upload_in_flight_at_the_signal_is_finished() {
    let (host, mut upload) = draining("drain-finish", "60").await;
    // Whoever watches can see what is still running.
    host.until_metric("sluicegate_edge_active_uploads 1").await;
    upload.write("ended").await;
    let seen = upload.read_until("0\r\n\r\n").await;
    assert!(seen.starts_with("HTTP/1.1 200"), "{seen}");
    let (status, log) = host.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(accesses(&log)[0]["status"], 200);
}

#[tokio::test]
async fn an_upload_that_takes_longer_than_the_drain_is_cut_and_the_exit_code_says_so() {
    let (host, mut upload) = draining("drain-cut", "1").await;
    let mut seen = Vec::new();
    // A reset or a plain end: in any case no answer.
    let _ = in_time(upload.0.read_to_end(&mut seen)).await;
    assert!(seen.is_empty(), "{}", String::from_utf8_lossy(&seen));
    let (status, log) = host.ended().await;
    assert_eq!(status.code(), Some(75), "{log}");
    assert!(log.contains("1 connections were cut"), "{log}");
    assert_eq!(accesses(&log)[0]["status"], 499);
}
