//! Redis is emptied with ten thousand jobs outstanding, some of them in work.

use std::time::{Duration, Instant};

use sluicegate_conformance::flood::flood;
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{RedisServer, ask_database};
use sluicegate_tests::audit::Audit;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::wait_for;

use crate::shared::{judged_within, measured, people};

const JOBS: u32 = 10_000;
const AUTHORS: u32 = 10;
const LIMIT: Duration = Duration::from_mins(10);
/// From here until here it is measured how fast they are done before the fault.
const BEFORE: [u32; 2] = [500, 1_500];
const NORMAL_AGAIN: Duration = Duration::from_secs(10);
/// Empties Redis if jobs are in work, and answers how many.
const FLUSH: &str = "local active = redis.call('LLEN', 'bull:post-processing:active') \
    if active > 0 then redis.call('FLUSHALL') end return active";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_jobs_outlive_an_emptied_redis() {
    let name = "ten_thousand_jobs_outlive_an_emptied_redis";
    let Some(redis) = RedisServer::with_password(&[], name).await else {
        return;
    };
    let ran = RanOn::begins(&redis.version(), "FLUSHALL with 10,000 jobs outstanding");
    let options = Options {
        no_workers: true,
        ..Options::default().setting("REDIS_URL", &redis.url())
    };
    let platform = Platform::start(options).await.unwrap();
    let database = platform.database_url().unwrap();
    let client = platform.sign_up("late").await.unwrap();
    for author in people(&platform, "author", AUTHORS.into()).await {
        let author = author.me().await.unwrap().id;
        flood(&database, author, (JOBS / AUTHORS) as usize).await;
    }
    let passed = async |at_least: u32| {
        wait_for(format!("{at_least} verdicts"), LIMIT, async || {
            let sql = "select count(*) from posts where moderation = 'passed'";
            let passed = u32::try_from(ask_database(&database, sql).await)?;
            Ok((passed >= at_least).then_some((passed, Instant::now())))
        })
        .await
        .unwrap()
    };
    assert_eq!(passed(0).await.0, 0, "nobody works yet");

    let workers = [
        platform.start_worker().await.unwrap(),
        platform.start_worker().await.unwrap(),
    ];
    let [first, second] = [passed(BEFORE[0]).await, passed(BEFORE[1]).await];
    let before = f64::from(second.0 - first.0) / (second.1 - first.1).as_secs_f64();
    assert!(before > 0.0, "too fast to be measured");
    let active = wait_for("jobs to be in work", LIMIT, async || {
        let active = redis.count(&["EVAL", FLUSH, "0"]);
        Ok((active > 0).then_some(active))
    })
    .await
    .unwrap();
    let since = Instant::now();
    let done = passed(0).await.0;
    let verdict = judged_within(&client, "said when it was empty").await;
    assert!(verdict < NORMAL_AGAIN, "{verdict:?}");
    passed(JOBS + 1).await;
    let took = since.elapsed();
    let after = f64::from(JOBS - done) / took.as_secs_f64();
    measured(&format!(
        "FLUSHALL when {done} of {JOBS} jobs were done and {active} in work: a new post had its verdict after {} ms, all were done \
         {:.1} s after it, {after:.0} a second (before it {before:.0}), each once",
        verdict.as_millis(),
        took.as_secs_f64(),
    ));
    // What was in work is given back by whoever compares, so the last ones may come late.
    let expected = f64::from(JOBS - done) / before;
    assert!(took.as_secs_f64() < 3.0 * expected + 60.0, "{took:?}");
    for worker in workers {
        worker.stop(STOP_LIMIT).await.unwrap();
    }
    Audit::of(&platform).await.unwrap().ensure_clean().unwrap();
    platform.stop().await.unwrap();
    ran.passed();
}
