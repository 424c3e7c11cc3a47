//! TLS, and a cluster.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sluicegate_conformance::limiter::{Limiters, run};
use sluicegate_conformance::notes::{RanOn, skip};
use sluicegate_core::ports::RequestLimiter;
use sluicegate_core::rate::Rate;
use sluicegate_redis::RedisLimiter;

use crate::support::{NO_REDIS, PATIENT, free_port, program, shared, test_name, until};

/// A server that is killed when it is dropped.
struct Server(Child);

impl Server {
    fn start(program: &Path, folder: &Path, arguments: &[&str]) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mut command = Command::new(program);
        command.args(["--bind", "127.0.0.1", "--dir"]).arg(folder);
        command
            .args(["--save", "", "--appendonly", "no", "--logfile"])
            .arg(folder.join("log"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.spawn().expect("redis-server starts"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().expect("it is killed");
        self.0.wait().expect("it has ended");
    }
}

/// Runs a program to its end; what it said, if it did not end well.
fn finish(program: &str, folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .map_err(|error| format!("no {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Err(format!("{program} failed: {said}"))
}

/// An authority, and the certificate of a server that it signed.
fn certificates(folder: &Path) -> Result<(), String> {
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    std::fs::write(folder.join("names"), names).unwrap();
    for line in [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt",
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
    ] {
        finish("openssl", folder, &line.split(' ').collect::<Vec<_>>())?;
    }
    Ok(())
}

fn limiter(url: &str, ca: Option<Vec<u8>>) -> Arc<dyn RequestLimiter> {
    Arc::new(RedisLimiter::new(shared(url, ca, PATIENT)))
}

async fn counts(limiter: &Arc<dyn RequestLimiter>, key: &str) -> bool {
    let rate = Rate::new(1_000, Duration::from_hours(1));
    limiter.admit(key, &rate).await.is_ok()
}

#[tokio::test]
async fn a_redis_with_tls_is_used_only_if_its_certificate_is_right() {
    let Some(program) = program() else {
        return skip(&test_name(), NO_REDIS);
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if let Err(reason) = certificates(folder) {
        return skip(&test_name(), &reason);
    }
    let ran = RanOn::begins("Redis with TLS", "what is shared");
    let port = free_port().to_string();
    let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (key, certificate, authority) = (file("server.key"), file("server.crt"), file("ca.crt"));
    let arguments = [
        "--port",
        "0",
        "--tls-port",
        &port,
        "--tls-key-file",
        &key,
        "--tls-cert-file",
        &certificate,
        "--tls-ca-cert-file",
        &authority,
        "--tls-auth-clients",
        "no",
        "--requirepass",
        "hunter2",
    ];
    let _server = Server::start(&program, folder, &arguments);
    let url = format!("rediss://:hunter2@localhost:{port}");
    let ca = std::fs::read(&authority).unwrap();
    let trusting = || limiter(&url, Some(ca.clone()));
    let one = trusting();
    until("it answers", async || counts(&one, "ada").await).await;
    let other = trusting();
    run(&Limiters { one, other }).await;

    assert!(
        !counts(&limiter(&url, None), "ada").await,
        "nobody vouches for it"
    );
    let plain = format!("redis://:hunter2@localhost:{port}");
    assert!(!counts(&limiter(&plain, None), "ada").await);
    ran.passed();
}

#[tokio::test]
async fn requests_are_counted_on_a_cluster() {
    let Some(program) = program() else {
        return skip(&test_name(), NO_REDIS);
    };
    let ran = RanOn::begins("Redis Cluster, three nodes", "what is shared");
    let folder = tempfile::tempdir().unwrap();
    let mut nodes: Vec<(u16, Server)> = Vec::new();
    for _ in 0..3 {
        let port = free_port();
        let own: PathBuf = folder.path().join(port.to_string());
        let text = port.to_string();
        let arguments = [
            "--port",
            &text,
            "--cluster-enabled",
            "yes",
            "--cluster-config-file",
            "nodes.conf",
            "--cluster-node-timeout",
            "2000",
        ];
        nodes.push((port, Server::start(&program, &own, &arguments)));
    }
    let places: Vec<String> = nodes
        .iter()
        .map(|(port, _)| format!("127.0.0.1:{port}"))
        .collect();
    for place in &places {
        let client = redis::Client::open(format!("redis://{place}")).unwrap();
        let answers = async || client.get_multiplexed_async_connection().await.is_ok();
        until("all nodes answer", answers).await;
    }
    let mut arguments = vec!["--cluster", "create"];
    arguments.extend(places.iter().map(String::as_str));
    arguments.extend(["--cluster-replicas", "0", "--cluster-yes"]);
    finish("redis-cli", folder.path(), &arguments).expect("a cluster");
    let urls: Vec<String> = places
        .iter()
        .map(|place| format!("redis://{place}"))
        .collect();
    let urls = urls.join(",");
    let (one, other) = (limiter(&urls, None), limiter(&urls, None));
    // Whichever node a key is on.
    until("the cluster is ready", async || {
        for number in 0..30 {
            if !counts(&one, &format!("ready {number}")).await {
                return false;
            }
        }
        true
    })
    .await;
    run(&Limiters { one, other }).await;
    ran.passed();
}
