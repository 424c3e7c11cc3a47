//! What is counted, and where it is served.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::program::{Program, addresses};
use crate::support::{Raw, in_time, manifest};

async fn ask(address: std::net::SocketAddr, request: &str) -> String {
    let mut client = Raw::open(address).await;
    client
        .write(format!("{request}\r\nhost: edge\r\nconnection: close\r\n"))
        .await;
    client.write("\r\n").await;
    let mut seen = String::new();
    in_time(client.0.read_to_string(&mut seen)).await.unwrap();
    seen
}

async fn start(name: &str) -> Program {
    let app = manifest(name, "");
    let arguments = ["--upload-path", "/count"];
    Program::start(&app, &arguments, &[("SPIN_VARIABLE_TOKEN", "x")]).await
}

const BUCKETS: [&str; 15] = [
    "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1", "2.5", "5",
    "7.5", "10", "+Inf",
];

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    let host = start("metrics-requests").await;
    for path in ["/hello", "/hello?a=b", "/random/1", "/random/2"] {
        ask(host.address, &format!("GET {path} HTTP/1.1")).await;
    }
    let upload = "POST /count HTTP/1.1\r\ncontent-length: 0";
    ask(host.address, upload).await;
    ask(host.address, "BREW /hello HTTP/1.1").await;
    ask(host.address, "GET /trap HTTP/1.1").await;
    ask(host.address, "no HTTP").await;
    let count = "http_server_request_duration_seconds_count";
    for (method, route, status, number) in [
        ("GET", "/...", "200", 2),
        ("GET", "/...", "404", 2),
        ("GET", "/...", "502", 1),
        ("POST", "/...", "200", 1),
        ("_OTHER", "/...", "200", 1),
        ("_OTHER", "", "400", 1),
    ] {
        host.until_metric(&format!(
            "{count}{{http_request_method=\"{method}\",http_route=\"{route}\",\
             http_response_status_code=\"{status}\"}} {number}"
        ))
        .await;
    }
    host.until_metric("sluicegate_edge_refused_total{reason=\"invalid\"} 1")
        .await;
    host.until_metric(
        "sluicegate_edge_instances_ended_total{component=\"guest\",reason=\"trap\"} 1",
    )
    .await;
    let text = host.scrape().await;
    assert!(!text.contains("random"), "{text}");
    assert!(!text.contains("BREW"), "{text}");
    // Those that OpenTelemetry advises, and no other.
    let found: BTreeSet<&str> = text
        .lines()
        .filter(|line| line.starts_with("http_server_request_duration_seconds_bucket"))
        .filter_map(|line| Some(line.split_once("le=\"")?.1.split_once('"')?.0))
        .collect();
    assert_eq!(found, BTreeSet::from(BUCKETS));
}

#[tokio::test]
async fn uploads_bytes_and_instances_are_counted_while_they_run() {
    let host = start("metrics-upload").await;
    let mut upload = Raw::open(host.address).await;
    upload.begin("/count", 10).await;
    upload.write("12345").await;
    for line in [
        "sluicegate_edge_active_uploads 1",
        "sluicegate_edge_connections 1",
        "sluicegate_edge_instances{component=\"guest\"} 1",
        "sluicegate_edge_instances_created_total{component=\"guest\"} 1",
        "http_server_active_requests{http_request_method=\"POST\"} 1",
        "sluicegate_edge_received_bytes_total{http_route=\"/...\"} 5",
    ] {
        host.until_metric(line).await;
    }
    upload.write("67890").await;
    upload.read_until("0\r\n\r\n").await;
    drop(upload);
    for line in [
        "sluicegate_edge_active_uploads 0",
        "sluicegate_edge_connections 0",
        "http_server_active_requests{http_request_method=\"POST\"} 0",
        "sluicegate_edge_received_bytes_total{http_route=\"/...\"} 10",
        "sluicegate_edge_sent_bytes_total{http_route=\"/...\"} 2",
    ] {
        host.until_metric(line).await;
    }
}

#[tokio::test]
async fn their_listener_answers_nothing_else() {
    let host = start("metrics-listener").await;
    let metrics = ask(host.metrics, "GET /metrics HTTP/1.1").await;
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(
        metrics.contains("content-type: text/plain; version=0.0.4"),
        "{metrics}"
    );
    for name in ["sluicegate_build_info", "process_resident_memory_bytes"] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    let other = ask(host.metrics, "GET /hello HTTP/1.1").await;
    assert!(other.starts_with("HTTP/1.1 404"), "{other}");
    let post = ask(host.metrics, "POST /metrics HTTP/1.1").await;
    assert!(post.starts_with("HTTP/1.1 405"), "{post}");
    // And the other listener has none.
    let public = ask(host.address, "GET /metrics HTTP/1.1").await;
    assert!(public.starts_with("HTTP/1.1 404"), "{public}");
}

#[tokio::test]
async fn two_hosts_on_one_machine_need_no_setting_and_off_is_off() {
    let app = manifest("metrics-default", "");
    let start = |app: &std::path::Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sluicegate-edge"));
        command
            .arg("--app")
            .arg(app)
            .args(["--listen", "127.0.0.1:0"]);
        tokio::process::Command::from(command)
    };
    let mut children = Vec::new();
    for _ in 0..2 {
        let mut child = start(&app)
            .arg("--cache-dir")
            .arg(crate::support::cache())
            .env("SPIN_VARIABLE_TOKEN", "x")
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (metrics, _) = addresses(&mut child).await;
        children.push((metrics, child));
    }
    assert_ne!(children[0].0, children[1].0);

    let mut off = start(&app)
        .args(["--metrics-listen", "off", "--cache-dir"])
        .arg(crate::support::cache())
        .env("SPIN_VARIABLE_TOKEN", "x")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(off.stdout.as_mut().unwrap()).lines();
    let first = in_time(lines.next_line()).await.unwrap().unwrap();
    assert!(first.starts_with("listening on "), "{first}");

    let mut wrong = start(&app);
    wrong.args(["--metrics-listen", "of"]);
    let refused = in_time(wrong.output()).await.unwrap();
    assert_eq!(refused.status.code(), Some(2));
}

#[tokio::test]
async fn uploads_share_an_instance_with_fewer() {
    for (upload_path, instances) in [("/count", 2), ("elsewhere", 1)] {
        let app = manifest("concurrency", "");
        let arguments = [
            "--upload-path",
            upload_path,
            "--max-instance-concurrent-uploads",
            "1",
        ];
        let host = Program::start(&app, &arguments, &[("SPIN_VARIABLE_TOKEN", "x")]).await;
        let mut held = Raw::open(host.address).await;
        held.begin("/count", 5).await;
        held.write("1").await;
        // An instance is made before it has its request; now it reads the body.
        host.until_metric("sluicegate_edge_received_bytes_total{http_route=\"/...\"} 1")
            .await;
        ask(host.address, "GET /hello HTTP/1.1").await;
        host.until_metric(&format!(
            "sluicegate_edge_instances_created_total{{component=\"guest\"}} {instances}"
        ))
        .await;
        held.write("2345").await;
        held.read_until("\r\n5\r\n").await;
    }
}
