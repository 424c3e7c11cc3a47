use std::time::Duration;

use sluicegate_conformance::stores::{at, image_job, new_post, post_job};
use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_contract::uploads::{Purpose, UploadState};
use sluicegate_core::fair::Bounds;
use sluicegate_core::job::{IMAGE_QUEUE, POST_QUEUE};
use sluicegate_core::ports::{ClaimRequest, QueueStats};
use sqlx::{PgPool, Row};

use crate::conformance::stores;

#[tokio::test(flavor = "multi_thread")]
async fn queues_and_unfinished_uploads_are_counted() {
    let database = TestDatabase::new().await;
    let stores = stores(&database);
    let owner = stores.account().await;
    stores.ticket(owner.id, Purpose::Avatar).await;
    stores.ready(owner.id, Purpose::Avatar).await;
    for _ in 0..3 {
        let ticket = stores.ticket(owner.id, Purpose::PostHeader).await;
        stores.jobs.add(&image_job(&ticket)).await.unwrap();
    }
    let post = new_post(owner.id, "Hello", None);
    stores.jobs.add(&post_job(&post)).await.unwrap();
    let queues = [IMAGE_QUEUE, POST_QUEUE, "nobody's"];
    let before = database.database().census(&queues, at(100)).await.unwrap();
    let request = ClaimRequest {
        queue: POST_QUEUE,
        worker: "test",
        limit: 1,
        lease: Duration::from_mins(1),
        bounds: Bounds::NONE,
    };
    let claimed = stores.jobs.claim(&request, at(100)).await.unwrap();
    stores
        .jobs
        .bury(&claimed[0].lease, "broken", at(101))
        .await
        .unwrap();
    let census = database.database().census(&queues, at(100)).await.unwrap();

    let [(_, images), (_, posts), (name, nobody)] = &census.queues[..] else {
        panic!("{census:?}");
    };
    for (queue, stats) in &census.queues {
        assert_eq!(*stats, stores.jobs.stats(queue, at(100)).await.unwrap());
    }
    assert!(
        images.ready >= 3 && images.oldest_ready.is_some(),
        "{images:?}"
    );
    assert_eq!((posts.ready, posts.dead), (0, 1));
    assert_eq!(before.queues[1].1.ready, 1);
    assert_eq!(
        (name.as_str(), *nobody),
        ("nobody's", QueueStats::default())
    );
    assert_eq!(census.uploads[0], (UploadState::Ticketed, 4));
    assert_eq!(census.uploads[3], (UploadState::Failed, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_is_read_as_a_whole() {
    let database = TestDatabase::new().await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    // An empty table is cheaper to read than any index.
    sqlx::query("set enable_seqscan = off")
        .execute(&mut *connection)
        .await
        .unwrap();
    for state in ["ticketed", "received", "processing", "failed"] {
        let sql = format!(
            "explain select count(*) from (select from uploads where state = '{state}' limit 9) as found"
        );
        let plan = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        let plan = plan.fetch_all(&mut *connection).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("Index"), "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_and_the_servers_clock_are_told() {
    let database = TestDatabase::new().await;
    let database = database.database();
    assert!(database.server_time().await.unwrap() > at(-60 * 60 * 24 * 3_650));
    let pool = database.pool_state();
    assert!(pool.most >= pool.in_use + pool.idle, "{pool:?}");
}
