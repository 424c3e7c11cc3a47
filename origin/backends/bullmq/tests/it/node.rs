//! The real packages of Node on the same queues: BullMQ in both directions, and bull-board.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bullmq::types::JobState as There;
use serde_json::json;
use sluicegate_bullmq::Bull;
use sluicegate_conformance::notes::{RanOn, skip};
use sluicegate_conformance::servers::{NodePeer, RedisCluster, node_package, node_peer};
use sluicegate_core::job::{IMAGE_QUEUE, JobState, POST_QUEUE};
use sluicegate_worker::Outcome;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::support::{
    Redis, TestJob, World, bull, name_in, quick, redis_or_skip, test_name, until,
};

/// Time for the dashboard on a loaded machine.
const ANSWER: Duration = Duration::from_mins(1);
const BULLMQ: &str = "bullmq";
/// Those whose jobs Node may add and do.
const ORIGINALS: [&str; 2] = [POST_QUEUE, IMAGE_QUEUE];

static FOLDER: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();

/// The folder of the peer with its packages, as the lock file has them; or why there is none.
async fn folder() -> Result<PathBuf, String> {
    let made = FOLDER.get_or_init(|| async {
        tokio::task::spawn_blocking(install)
            .await
            .expect("it installs")
    });
    made.await.clone()
}

fn install() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bullmq-node");
    node_peer(&folder).map(|()| folder)
}

/// What the tests here need, or a return from them, noted.
macro_rules! node_or_skip {
    () => {{
        let redis = redis_or_skip!();
        match folder().await {
            Ok(folder) => (redis, folder),
            Err(reason) => {
                skip(&test_name(), &reason);
                return;
            }
        }
    }};
}

macro_rules! cluster_or_skip {
    () => {{
        let Some(cluster) = RedisCluster::start(&test_name()).await else {
            return;
        };
        match folder().await {
            Ok(folder) => (cluster, folder),
            Err(reason) => {
                skip(&test_name(), &reason);
                return;
            }
        }
    }};
}

fn in_a_cluster(folder: &Path, what: &str) -> RanOn {
    let package = node_package(folder, BULLMQ);
    RanOn::begins(&format!("{package}, in a cluster"), what)
}

fn ports(cluster: &RedisCluster) -> String {
    let ports: Vec<_> = cluster.ports().map(|port| port.to_string()).collect();
    ports.join(",")
}

async fn there(redis: &Redis, queue: &str, id: &str) -> There {
    redis.queue(queue).await.get_job_state(id).await.unwrap()
}

#[tokio::test]
async fn a_node_worker_does_our_jobs_and_retries_them() {
    let (redis, folder) = node_or_skip!();
    let ran = RanOn::begins(&node_package(&folder, BULLMQ), "a worker on our jobs");
    let port = redis.port().to_string();
    for queue in ORIGINALS {
        node_works(queue, &redis.bull(), &folder, &port).await;
    }
    ran.passed();
}

#[tokio::test]
async fn a_node_worker_does_our_jobs_in_a_cluster() {
    let (cluster, folder) = cluster_or_skip!();
    let ran = in_a_cluster(&folder, "a worker on our jobs");
    let bull = bull(&cluster.urls(), None);
    node_works(IMAGE_QUEUE, &bull, &folder, &ports(&cluster)).await;
    ran.passed();
}

/// A worker of Node does a job of ours at its second attempt, and its row knows.
async fn node_works(queue: &'static str, bull: &Arc<Bull>, folder: &Path, ports: &str) {
    let world = World::new().await;
    let id = world.add_to(queue).await;
    let relay = world.relay(bull, quick());
    assert_eq!(relay.relay_once(queue).await.unwrap(), 1);
    let mut peer = NodePeer::start(folder, &["work", ports, queue]);
    assert_eq!(peer.says().await, json!({ "ready": true }));
    // Its first attempt fails: our options have it retry.
    let first = peer.says().await;
    assert_eq!(
        (&first["event"], &first["id"]),
        (&json!("failed"), &json!(id.to_string()))
    );
    let second = peer.says().await;
    assert_eq!(second["event"], "completed");
    assert_eq!(second["name"], name_in(queue));
    assert_eq!(second["data"], world.view(id).await.payload);
    assert_eq!(second["attempts"], 3);
    assert_eq!(
        second["backoff"],
        json!({ "type": "exponential", "delay": 2000 })
    );

    let job = TestJob::done();
    let reconciler = world.reconciler(bull, &job, quick());
    let done = async || {
        reconciler.compare(queue).await.unwrap();
        world.view(id).await.state == JobState::Done
    };
    until("its row is done", done).await;
    assert_eq!(job.runs(), 0);
}

#[tokio::test]
async fn what_a_node_worker_gives_up_is_buried() {
    let (redis, folder) = node_or_skip!();
    let ran = RanOn::begins(&node_package(&folder, BULLMQ), "a worker on our jobs");
    let world = World::new().await;
    let id = world.add().await;
    let bull = redis.bull();
    world
        .relay(&bull, quick())
        .relay_once(POST_QUEUE)
        .await
        .unwrap();
    let port = redis.port().to_string();
    let mut peer = NodePeer::start(&folder, &["work", &port, POST_QUEUE, "fail"]);
    assert_eq!(peer.says().await, json!({ "ready": true }));
    assert_eq!(peer.says().await["event"], "failed");
    let job = TestJob::done();
    let reconciler = world.reconciler(&bull, &job, quick());
    let dead = async || {
        reconciler.compare(POST_QUEUE).await.unwrap();
        world.view(id).await.state == JobState::Dead
    };
    until("its row is dead", dead).await;
    assert_eq!(job.deaths(), 1);
    ran.passed();
}

#[tokio::test]
async fn we_do_what_a_node_producer_adds() {
    let (redis, folder) = node_or_skip!();
    let ran = RanOn::begins(&node_package(&folder, BULLMQ), "a producer for our workers");
    let port = redis.port().to_string();
    for queue in ORIGINALS {
        node_adds(queue, &redis.bull(), &folder, &port).await;
        assert_eq!(there(&redis, queue, "from-node").await, There::Completed);
    }
    ran.passed();
}

#[tokio::test]
async fn we_do_what_a_node_producer_adds_to_a_cluster() {
    let (cluster, folder) = cluster_or_skip!();
    let ran = in_a_cluster(&folder, "a producer for our workers");
    let bull = bull(&cluster.urls(), None);
    node_adds(IMAGE_QUEUE, &bull, &folder, &ports(&cluster)).await;
    ran.passed();
}

/// A job that a producer of Node adds gets a row, and is done at its second attempt.
async fn node_adds(queue: &'static str, bull: &Arc<Bull>, folder: &Path, ports: &str) {
    let world = World::new().await;
    let user = world.account().await;
    let data = world.payload(queue, user).to_string();
    let arguments = ["add", ports, queue, name_in(queue), "from-node", "3", &data];
    let mut peer = NodePeer::start(folder, &arguments);
    assert_eq!(peer.says().await, json!({ "added": "from-node" }));
    let job = TestJob::of(queue, |job| async move {
        Ok(if job.lease.attempt == 1 {
            Outcome::Retry {
                error: "down".to_owned(),
                after: Some(Duration::from_millis(100)),
            }
        } else {
            Outcome::Done
        })
    });
    let running = world.run(bull, &job, quick());
    let done = async || {
        let rows = job.rows();
        rows.len() == 1 && world.view(rows[0]).await.state == JobState::Done
    };
    until("its row is done", done).await;
    // What it has in work it tells Redis of.
    running.stop().await;
    let row = world.view(job.rows()[0]).await;
    assert_eq!((row.max_attempts, job.runs()), (3, 2));
}

#[tokio::test]
async fn bull_board_lists_pauses_and_retries_our_jobs() {
    let (redis, folder) = node_or_skip!();
    let ran = RanOn::begins(&node_package(&folder, "@bull-board/api"), "a dashboard");
    let world = World::new().await;
    let port = redis.port().to_string();
    let mut peer = NodePeer::start(&folder, &["board", &port, POST_QUEUE]);
    let board = peer.says().await["port"]
        .as_u64()
        .expect("a port")
        .to_string();
    let job = TestJob::new(|job| async move {
        Ok(if job.lease.attempt == 1 {
            Outcome::Fail {
                error: "it says why".to_owned(),
            }
        } else {
            Outcome::Done
        })
    });
    let running = world.run(&redis.bull(), &job, quick());
    let first = world.add().await;
    world.until_state(first, JobState::Dead).await;
    until("Redis knows", async || {
        there(&redis, POST_QUEUE, &first.to_string()).await == There::Failed
    })
    .await;
    let list = ask(
        &board,
        "GET",
        "?activeQueue=post-processing&status=failed&page=1&jobsPerPage=5",
    )
    .await;
    assert!(list.contains(&first.to_string()), "{list}");
    assert!(list.contains("it says why"), "{list}");

    // Paused, jobs wait in Redis.
    ask(&board, "PUT", "/post-processing/pause").await;
    let second = world.add().await;
    world.until_state(second, JobState::Relayed).await;
    ask(&board, "PUT", &format!("/post-processing/{first}/retry")).await;
    until("it waits", async || {
        there(&redis, POST_QUEUE, &first.to_string()).await == There::Waiting
    })
    .await;
    assert_eq!(job.runs(), 1);
    ask(&board, "PUT", "/post-processing/resume").await;
    world.until_state(first, JobState::Done).await;
    world.until_state(second, JobState::Dead).await;
    running.stop().await;
    ran.passed();
}

/// The board's API, in as much HTTP as that takes.
async fn ask(port: &str, method: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let asked = async {
        let mut stream = tokio::net::TcpStream::connect(format!("127.0.0.1:{port}")).await?;
        let head = format!(
            "{method} /ui/api/queues{path} HTTP/1.1\r\nHost: board\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = timeout(ANSWER, asked)
        .await
        .expect("in time")
        .expect("an answer");
    let status = answer.split(' ').nth(1).unwrap_or_default();
    assert!(status.starts_with('2'), "{method} {path}: {answer}");
    answer
}
