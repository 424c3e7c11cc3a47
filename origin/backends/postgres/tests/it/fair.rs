//! What it costs to choose whose turn it is, and what programs of the release before do to turns.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use sluicegate_conformance::stores::{at, id};
use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::fair::{Bounds, Priority};
use sluicegate_core::job::{LeasedJob, NewJob};
use sluicegate_core::ports::{ClaimRequest, JobQueue};
use sqlx::{AssertSqlSafe, PgPool, Row};
use uuid::Uuid;

use crate::released::Released;

const QUEUE: &str = "fair";

/// The query of ours that has this in it, as it is prepared.
fn query(with: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = fs::read_dir(folder).unwrap();
    let queries = files.map(|file| {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let described: Value = serde_json::from_str(&text).unwrap();
        let query = described.get("query").and_then(Value::as_str);
        query.unwrap().to_owned()
    });
    let mut found: Vec<String> = queries.filter(|query| query.contains(with)).collect();
    assert_eq!(found.len(), 1, "queries with {with}");
    found.remove(0)
}

/// So many ready jobs of one owner, as many that are done, here and in another queue, as many that failed and wait in Redis to be
/// tried again, and a ready one of another.
async fn flood(pool: &PgPool, number: i32) {
    let insert = "insert into jobs (id, queue, name, payload, owner_id, run_at, max_attempts,
            created_at)
        select gen_random_uuid(), $1, 'suite', '{}', $2, now(), 3, now()
        from generate_series(1, $3)";
    for (owner, number) in [(1, number), (2, 1)] {
        sqlx::query(insert)
            .bind(QUEUE)
            .bind(Uuid::from_u128(owner))
            .bind(number)
            .execute(pool)
            .await
            .unwrap();
    }
    let done = "insert into jobs (id, queue, name, payload, owner_id, state, run_at, max_attempts,
            created_at, settled_at)
        select gen_random_uuid(), $1, 'suite', '{}', $2, 'done', now(), 3, now(),
            now() - interval '1 s' * second
        from generate_series(1, $3) as second";
    let failed = "insert into jobs (id, queue, name, payload, owner_id, state, run_at,
            max_attempts, created_at, relayed_at, attempt, attempts_used)
        select gen_random_uuid(), $1, 'suite', '{}', $2, 'relayed', now(), 3, now(), now(), 1, 1
        from generate_series(1, $3)";
    for (queue, insert) in [(QUEUE, done), ("another", done), (QUEUE, failed)] {
        sqlx::query(insert)
            .bind(queue)
            .bind(Uuid::from_u128(1))
            .bind(number)
            .execute(pool)
            .await
            .unwrap();
    }
}

/// The pages that the query touches with this many rows, by the plan that it has for any values; and that plan.
async fn cost(query: &str, values: &str, rows: i32) -> (i64, Value) {
    let database = TestDatabase::new().await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    flood(&pool, rows).await;
    let mut connection = pool.acquire().await.unwrap();
    // Safe: a query of ours.
    let statements = [
        "set plan_cache_mode = force_generic_plan".to_owned(),
        format!("prepare chosen as {query}"),
    ];
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    let explain = format!("explain (analyze, buffers, format json) execute chosen({values})");
    let mut plan = Value::Null;
    // The first time it is also planned, and old pages are tidied.
    for _ in 0..2 {
        let rows = sqlx::raw_sql(AssertSqlSafe(explain.clone()));
        let rows = rows.fetch_all(&mut *connection).await.unwrap();
        let answer: Value = rows.first().unwrap().get(0);
        plan = answer.pointer("/0/Plan").unwrap().clone();
    }
    let pages = |kind: &str| plan.get(kind).and_then(Value::as_i64).unwrap();
    let pages = pages("Shared Hit Blocks") + pages("Shared Read Blocks");
    (pages, plan)
}

fn reads_all_jobs(plan: &Value) -> bool {
    let said = |name: &str| plan.get(name).and_then(Value::as_str);
    let whole = said("Node Type") == Some("Seq Scan") && said("Relation Name") == Some("jobs");
    let below = plan.get("Plans").and_then(Value::as_array);
    whole || below.is_some_and(|plans| plans.iter().any(reads_all_jobs))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_choice_costs_does_not_grow_with_what_waits() {
    let now = "now(), 4";
    let before = "now() - interval '30 s'";
    let claim = format!("'{QUEUE}', {now}, now() + interval '10 s', 'suite', {before}, 80, 3");
    let lately = "now() - interval '0.5 s'";
    let take = format!("'{QUEUE}', {now}, 1000, {before}, 80, 2, 16, {lately}");
    for (with, values) in [
        ("fitting as materialized", claim),
        ("lately as materialized", take),
    ] {
        let query = query(with);
        // More than the window has room for.
        let (few, _) = cost(&query, &values, 2_000).await;
        let (many, plan) = cost(&query, &values, 20_000).await;
        assert!(few > 10, "it was not run: {few}");
        assert!(many < few * 2, "{few} pages, then {many}");
        assert!(!reads_all_jobs(&plan), "{plan}");
    }
}

fn job(owner: u128, run_at: Timestamp) -> NewJob {
    NewJob {
        id: JobId(id()),
        queue: QUEUE,
        name: "suite",
        payload: serde_json::json!({}),
        owner: AccountId(Uuid::from_u128(owner)),
        priority: Priority::Normal,
        dedup_key: None,
        run_at,
        max_attempts: 3,
        traceparent: None,
        created_at: at(0),
    }
}

async fn claim(jobs: &dyn JobQueue, limit: u32, now: Timestamp) -> Vec<LeasedJob> {
    let request = ClaimRequest {
        queue: QUEUE,
        worker: "suite",
        limit,
        lease: Duration::from_mins(1),
        bounds: Bounds::NONE,
    };
    jobs.claim(&request, now).await.unwrap()
}

/// A query of the release before this one.
fn released(begins: &str) -> String {
    let all = Released::read().queries;
    let found = all.into_iter().find(|query| query.starts_with(begins));
    found.unwrap_or_else(|| panic!("no released query begins with {begins}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_the_release_before_write_and_retry_as_ever() {
    let database = TestDatabase::new().await;
    let jobs = database.database().jobs();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let insert = released("insert into jobs (id, queue, name, payload, owner_id, run_at");
    for owner in [1, 1, 1, 2] {
        let job = job(owner, at(0));
        sqlx::query(AssertSqlSafe(insert.clone()))
            .bind(job.id.0)
            .bind(job.queue)
            .bind(job.name)
            .bind(job.payload)
            .bind(job.owner.0)
            .bind(job.run_at.into_inner())
            .bind(3)
            .bind(job.traceparent)
            .bind(job.created_at.into_inner())
            .execute(&pool)
            .await
            .unwrap();
    }
    let begun = claim(&*jobs, 2, at(1)).await;
    let owners: Vec<u128> = begun.iter().map(|job| job.owner.0.as_u128()).collect();
    assert!(owners.contains(&2), "{owners:?}");

    // A retry that leaves the turn where it was is not taken for ready.
    let lease = begun[0].lease;
    let retry =
        released("update jobs set\n            state = case when attempts_used < max_attempts");
    let changed = sqlx::query(AssertSqlSafe(retry))
        .bind(lease.job.0)
        .bind(1)
        .bind(at(50).into_inner())
        .bind("down")
        .bind(at(2).into_inner())
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(changed.rows_affected(), 1);
    assert_eq!(claim(&*jobs, 9, at(49)).await.len(), 2);
    assert_eq!(claim(&*jobs, 9, at(50)).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_comes_back_keeps_its_place() {
    let database = TestDatabase::new().await;
    let jobs = database.database().jobs();
    for _ in 0..50 {
        jobs.add(&job(1, at(0))).await.unwrap();
    }
    let begun = claim(&*jobs, 1, at(1)).await;
    claim(&*jobs, 20, at(1)).await;
    jobs.release(&begun[0].lease, at(2)).await.unwrap();
    let next = claim(&*jobs, 2, at(2)).await;
    assert!(
        next.iter().any(|job| job.lease.job == begun[0].lease.job),
        "it is behind those that came after it"
    );
    // Nor does it draw those who come now before others.
    jobs.add(&job(2, at(0))).await.unwrap();
    let turns: Vec<i64> = sqlx::query_scalar("select turn from jobs where state = 'ready'")
        .fetch_all(&PgPool::connect(database.url()).await.unwrap())
        .await
        .unwrap();
    assert!(turns.iter().all(|turn| *turn >= 21), "{turns:?}");
}
