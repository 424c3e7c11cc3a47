use std::time::Duration;

use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_contract::ids::UploadId;
use sluicegate_core::job::IMAGE_QUEUE;
use sluicegate_core::wake::{Wake, Waker};
use sluicegate_postgres::spawn_wake_bridge;
use sqlx::postgres::PgListener;
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(10);

/// A process: a waker that is bridged to the others.
struct Process {
    waker: Waker,
    tasks: JoinSet<()>,
}

impl Process {
    fn start(url: &str, shutdown: &CancellationToken) -> Self {
        let waker = Waker::new();
        let tasks = spawn_wake_bridge(url, waker.clone(), shutdown.clone()).unwrap();
        Self { waker, tasks }
    }
}

fn upload(n: u128) -> Wake {
    Wake::Upload(UploadId(Uuid::from_u128(n)))
}

async fn hear(heard: &mut Receiver<Wake>, expected: Wake) {
    timeout(PATIENCE, async {
        while heard.recv().await.unwrap() != expected {}
    })
    .await
    .expect("the hint");
}

/// Hints may be lost until both listen, so the first one is repeated.
async fn wait_until_connected(from: &Process, to: &Process) {
    let mut heard = to.waker.listen();
    let mut n = 1_000;
    let connected = async {
        loop {
            n += 1;
            from.waker.wake(upload(n));
            let next = async { while heard.recv().await.unwrap() != upload(n) {} };
            if timeout(Duration::from_millis(100), next).await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, connected).await.expect("a bridge");
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_reach_other_processes_once_and_do_not_come_back() {
    let database = TestDatabase::empty().await;
    let shutdown = CancellationToken::new();
    let one = Process::start(database.url(), &shutdown);
    let other = Process::start(database.url(), &shutdown);
    wait_until_connected(&one, &other).await;
    wait_until_connected(&other, &one).await;

    let (mut at_one, mut at_other) = (one.waker.listen(), other.waker.listen());
    one.waker.wake(upload(1));
    hear(&mut at_other, upload(1)).await;
    other.waker.wake(Wake::Jobs(IMAGE_QUEUE));
    hear(&mut at_one, Wake::Jobs(IMAGE_QUEUE)).await;

    // Notifications keep their order: had the first hint come back, it would be here before the last.
    one.waker.wake(upload(2));
    hear(&mut at_other, upload(2)).await;
    other.waker.wake(upload(3));
    let mut echoes = 0;
    timeout(PATIENCE, async {
        loop {
            match at_one.recv().await.unwrap() {
                hint if hint == upload(3) => break,
                hint if hint == upload(1) => echoes += 1,
                _ => {}
            }
        }
    })
    .await
    .expect("the last hint");
    assert_eq!(echoes, 0, "a hint came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hints_are_few_notifications() {
    let database = TestDatabase::empty().await;
    let shutdown = CancellationToken::new();
    let one = Process::start(database.url(), &shutdown);
    let other = Process::start(database.url(), &shutdown);
    wait_until_connected(&one, &other).await;
    let mut listener = PgListener::connect(database.url()).await.unwrap();
    listener.listen("sluicegate_wake").await.unwrap();
    let mut at_other = other.waker.listen();
    for _ in 0..10 {
        for n in 0..50 {
            one.waker.wake(upload(n));
        }
    }
    one.waker.wake(upload(99));
    hear(&mut at_other, upload(99)).await;
    let mut notifications = 0;
    while let Ok(Ok(notification)) = timeout(PATIENCE, listener.recv()).await {
        notifications += 1;
        if notification
            .payload()
            .contains(&Uuid::from_u128(99).to_string())
        {
            break;
        }
    }
    assert!(
        (1..=20).contains(&notifications),
        "{notifications} notifications for 501 hints"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bridges_connect_again() {
    let database = TestDatabase::empty().await;
    let shutdown = CancellationToken::new();
    let one = Process::start(database.url(), &shutdown);
    let other = Process::start(database.url(), &shutdown);
    wait_until_connected(&one, &other).await;
    wait_until_connected(&other, &one).await;
    let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
    let killed: i64 = sqlx::query_scalar(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(killed >= 4, "{killed} connections");
    wait_until_connected(&one, &other).await;
    wait_until_connected(&other, &one).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bridges_end_when_they_are_told_to() {
    let database = TestDatabase::empty().await;
    let shutdown = CancellationToken::new();
    let mut process = Process::start(database.url(), &shutdown);
    shutdown.cancel();
    timeout(PATIENCE, async {
        while process.tasks.join_next().await.is_some() {}
    })
    .await
    .expect("the tasks must end");
}
