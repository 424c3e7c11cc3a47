//! A pooler and a server that restart under load: what was acknowledged is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sluicegate_conformance::notes::{RanOn, measured};
use sluicegate_conformance::servers::{PgBouncer, PostgresServer};
use sluicegate_conformance::stores::{Stores, new_account, new_post, new_session, post_job};
use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_core::ports::CreatePostError;
use sluicegate_postgres::maintenance::create_database;
use sluicegate_postgres::{Database, Options, migrate};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::conformance::stores_of;

const WRITERS: usize = 4;
/// After what was down is back.
const NORMAL_AGAIN: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_mins(1);
/// As much as must be written before, between and after.
const SOME: u64 = 40;

#[derive(Default)]
struct Told {
    done: AtomicU64,
    refused: AtomicU64,
}

/// Writes until it is told to stop; answers what was acknowledged. Refusals must be outages.
async fn write(
    stores: Stores,
    author: AccountId,
    told: Arc<Told>,
    stop: CancellationToken,
) -> Vec<PostId> {
    let mut posts = Vec::new();
    while !stop.is_cancelled() {
        let post = new_post(author, "under load", None);
        match stores.posts.create(&post, &post_job(&post)).await {
            Ok(_) => {
                posts.push(post.id);
                told.done.fetch_add(1, Ordering::Relaxed);
            }
            Err(CreatePostError::Port(error)) if error.is_unavailable() => {
                told.refused.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    posts
}

async fn more(what: &str, count: &AtomicU64) {
    let wanted = count.load(Ordering::Relaxed) + SOME;
    let deadline = Instant::now() + PATIENCE;
    while count.load(Ordering::Relaxed) < wanted {
        assert!(Instant::now() < deadline, "nothing more is {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_pooler_and_server_restart_under_load() {
    let name = "nothing_is_lost_when_pooler_and_server_restart_under_load";
    let mut server = PostgresServer::alone().await;
    create_database(&server.url("postgres"), "sluicegate", None)
        .await
        .unwrap();
    let direct = server.url("sluicegate");
    migrate(&direct).await.unwrap();
    let Some(mut pooler) = PgBouncer::before(&direct, 200, name).await else {
        return;
    };
    let ran = RanOn::begins(pooler.version(), "it and Postgres restart under load");
    let options = Options {
        max_connections: 8,
        acquire_timeout: Duration::from_secs(2),
        ..Options::default()
    };
    let pool = Database::connect(&pooler.url(), &options).await.unwrap();
    let stores = stores_of(&pool);
    let account = new_account();
    let session = new_session(account.id);
    stores.accounts.create(&account, &session).await.unwrap();
    let (told, stop) = (Arc::new(Told::default()), CancellationToken::new());
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (told, stop) = (Arc::clone(&told), stop.clone());
        writers.spawn(write(stores.clone(), account.id, told, stop));
    }
    more("written before", &told.done).await;
    pooler.kill().await;
    more("refused without the pooler", &told.refused).await;
    pooler.start().await;
    let since = Instant::now();
    more("written with the pooler", &told.done).await;
    let pooler_back = since.elapsed();
    server.kill().await;
    more("refused without the server", &told.refused).await;
    server.start().await;
    let back = Instant::now();
    more("written again", &told.done).await;
    let back = back.elapsed();
    stop.cancel();
    let acknowledged = writers.join_all().await.concat();
    for post in &acknowledged {
        let found = stores.posts.post(*post).await.unwrap();
        assert!(found.is_some(), "{post} was acknowledged and is lost");
    }
    measured(&format!(
        "PgBouncer killed and started again under load: {SOME} posts more {:.1} s after it; then Postgres: {:.1} s; none of {} \
         acknowledged posts is lost",
        pooler_back.as_secs_f64(),
        back.as_secs_f64(),
        acknowledged.len()
    ));
    for took in [pooler_back, back] {
        assert!(took < NORMAL_AGAIN, "{took:?}");
    }
    ran.passed();
}
