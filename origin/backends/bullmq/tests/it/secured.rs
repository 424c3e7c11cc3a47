//! TLS, and a cluster.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sluicegate_bullmq::{Bull, RedisAddress};
use sluicegate_conformance::notes::{RanOn, skip};
use sluicegate_core::job::{JobState, POST_QUEUE};

use crate::support::{NO_REDIS, TestJob, World, quick, redis_server, test_name, until};

/// A server that is killed when it is dropped.
struct Server(Child);

impl Server {
    fn start(program: &Path, folder: &Path, arguments: &[&str]) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mut command = Command::new(program);
        command.args(["--bind", "127.0.0.1", "--dir"]).arg(folder);
        command
            .args(["--save", "", "--appendonly", "yes"])
            .args(["--maxmemory-policy", "noeviction", "--logfile"])
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

fn free_port() -> u16 {
    // A node of a cluster also takes the port that is 10,000 higher.
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if let Some(bus) = port.checked_add(10_000)
            && TcpListener::bind(("127.0.0.1", bus)).is_ok()
        {
            return port;
        }
    }
}

fn bull(url: &str, ca: Option<Vec<u8>>) -> Arc<Bull> {
    let address = RedisAddress::parse(url, ca).unwrap();
    Arc::new(Bull::new(address, Duration::from_secs(5)))
}

/// Runs a program to its end; what it said, if it did not end well.
fn run(program: &str, folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .map_err(|error| format!("no {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!(
        "{program} failed: {}",
        String::from_utf8_lossy(&said)
    ))
}

/// An authority, and the certificate of a server that it signed.
fn certificates(folder: &Path) -> Result<(), String> {
    std::fs::write(
        folder.join("names"),
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
    )
    .unwrap();
    for line in [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt",
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
    ] {
        run("openssl", folder, &line.split(' ').collect::<Vec<_>>())?;
    }
    Ok(())
}

async fn done_by(bull: &Arc<Bull>) {
    let world = World::new().await;
    let jobs = world.add_many(20).await;
    let job = TestJob::done();
    let running = world.run(bull, &job, quick());
    world.until_all_done(&jobs).await;
    running.stop().await;
    assert_eq!((job.runs(), job.most_runs()), (20, 1));
}

#[tokio::test]
async fn jobs_go_through_a_redis_with_tls_and_only_if_its_certificate_is_right() {
    let Some(program) = redis_server() else {
        return skip(&test_name(), NO_REDIS);
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if let Err(reason) = certificates(folder) {
        return skip(&test_name(), &reason);
    }
    let ran = RanOn::begins("Redis with TLS", "the queue");
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
    let trusting = bull(&url, Some(std::fs::read(&authority).unwrap()));
    until("it answers", async || trusting.inspect().await.is_ok()).await;
    done_by(&trusting).await;

    assert!(
        bull(&url, None).inspect().await.is_err(),
        "nobody vouches for it"
    );
    let plain = bull(&format!("redis://:hunter2@localhost:{port}"), None);
    assert!(plain.inspect().await.is_err());
    ran.passed();
}

#[tokio::test]
async fn jobs_go_through_a_cluster() {
    let Some(program) = redis_server() else {
        return skip(&test_name(), NO_REDIS);
    };
    let ran = RanOn::begins("Redis Cluster, three nodes", "the queue");
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
    let urls: Vec<String> = places
        .iter()
        .map(|place| format!("redis://{place}"))
        .collect();
    let bull = bull(&urls.join(","), None);
    until("all nodes answer", async || bull.inspect().await.is_ok()).await;
    let mut arguments = vec!["--cluster", "create"];
    arguments.extend(places.iter().map(String::as_str));
    arguments.extend(["--cluster-replicas", "0", "--cluster-yes"]);
    run("redis-cli", folder.path(), &arguments).expect("a cluster");
    for place in &places {
        let client = redis::Client::open(format!("redis://{place}")).unwrap();
        let ready = async || {
            let mut connection = client.get_multiplexed_async_connection().await.unwrap();
            let mut info = redis::cmd("CLUSTER");
            info.arg("INFO");
            let info: String = info.query_async(&mut connection).await.unwrap();
            info.contains("cluster_state:ok")
        };
        until("the cluster is ready", ready).await;
    }
    assert_eq!(bull.inspect().await.unwrap().len(), 3);
    done_by(&bull).await;

    // What fails waits there as well, and is found if it is lost.
    let world = World::new().await;
    let job = TestJob::done();
    let id = world.add().await;
    world
        .relay(&bull, quick())
        .relay_once(POST_QUEUE)
        .await
        .unwrap();
    for (port, _) in &nodes {
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("FLUSHALL")
            .exec_async(&mut connection)
            .await
            .unwrap();
    }
    let running = world.run(&bull, &job, quick());
    world.until_state(id, JobState::Done).await;
    running.stop().await;
    ran.passed();
}
