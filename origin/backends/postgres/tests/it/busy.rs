//! A process that has its hands full: each task waits for its turn behind all others, whenever it gives way.

use std::hint::spin_loop;
use std::time::Duration;

use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_postgres::{Database, Options};
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

/// With [`STEP`] and two threads, a turn comes every 20 ms.
const BUSY: usize = 100;
const STEP: Duration = Duration::from_micros(400);

async fn work() {
    loop {
        let since = Instant::now();
        while since.elapsed() < STEP {
            spin_loop();
        }
        yield_now().await;
    }
}

/// What logs in computes for some milliseconds, and gives way hundreds of times meanwhile. If each of these cost a turn, whoever
/// needs a new connection would wait for sixteen seconds, and be refused before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_needs_a_new_connection_does_not_wait_for_hundreds_of_turns() {
    let database = TestDatabase::new().await;
    // Less than all these turns take, and more than a slow machine needs for what computes.
    let options = Options {
        acquire_timeout: Duration::from_secs(12),
        call_timeout: Duration::from_secs(20),
        ..Options::default()
    };
    let pool = Database::connect(database.url(), &options).await.unwrap();
    let mut busy = JoinSet::new();
    for _ in 0..BUSY {
        busy.spawn(work());
    }
    let mut callers = JoinSet::new();
    for _ in 0..options.max_connections {
        let pool = pool.clone();
        callers.spawn(async move { pool.server_time().await });
    }
    for answer in callers.join_all().await {
        answer.unwrap();
    }
    let opened = pool.pool_state();
    assert!(
        opened.in_use + opened.idle > 1,
        "none was opened: {opened:?}"
    );
    busy.shutdown().await;
}
