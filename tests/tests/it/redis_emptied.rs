//! Redis is emptied with ten thousand jobs outstanding, some of them in work.

use std::time::{Duration, Instant};

use anyhow::Context;
use sluicegate_conformance::flood::flood_of_many;
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{RedisServer, ask_database};
use sluicegate_tests::audit::Audit;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::wait_for;

use crate::shared::{in_turn, judged_within, measured};

const JOBS: u32 = 13_000;
const OUTSTANDING: u32 = 10_000;
/// So many that hundreds of jobs wait in Redis, where no more than a few of each do.
const AUTHORS: u32 = 500;
const LIMIT: Duration = Duration::from_mins(10);
/// Long before all are done.
const IN_TIME: Duration = Duration::from_secs(10);
/// From here until here it is measured how fast they are done before the fault.
const BEFORE: [u32; 2] = [500, 1_500];
const NORMAL_AGAIN: Duration = Duration::from_secs(10);
/// So many wait in Redis when it is emptied.
const IN_LINE: u64 = 300;
/// Empties Redis if jobs are in work and enough wait for that, and answers how many are and do.
const FLUSH: &str = "local active = redis.call('LLEN', 'bull:post-processing:active') \
    local waiting = redis.call('LLEN', 'bull:post-processing:wait') \
    if active > 0 and waiting >= tonumber(ARGV[1]) then redis.call('FLUSHALL') end return active .. ' ' .. waiting";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_jobs_outlive_an_emptied_redis() {
    let _turn = in_turn().await;
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
    flood_of_many(&database, AUTHORS as usize, (JOBS / AUTHORS) as usize).await;
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
    let (active, waiting) = wait_for("jobs to be in work and in line", IN_TIME, async || {
        let said = redis.ask(&["EVAL", FLUSH, "0", &IN_LINE.to_string()]);
        let (active, waiting) = said.split_once(' ').context("two numbers")?;
        let (active, waiting): (u64, u64) = (active.parse()?, waiting.parse()?);
        Ok((active > 0 && waiting >= IN_LINE).then_some((active, waiting)))
    })
    .await
    .unwrap();
    let since = Instant::now();
    let done = passed(0).await.0;
    assert!(JOBS - done >= OUTSTANDING, "{done} are done");
    let verdict = judged_within(&client, "said when it was empty").await;
    assert!(verdict < NORMAL_AGAIN, "{verdict:?}");
    passed(JOBS + 1).await;
    let took = since.elapsed();
    let after = f64::from(JOBS - done) / took.as_secs_f64();
    measured(&format!(
        "FLUSHALL when {done} of {JOBS} jobs were done, {active} in work and {waiting} in line in Redis: a new post had its verdict after {} ms, all were done \
         {:.1} s after it, {after:.0} a second (before it {before:.0}), each once",
        verdict.as_millis(),
        took.as_secs_f64(),
    ));
    // What was in work is given back by whoever compares, so the last ones may come late.
    let expected = f64::from(JOBS - done) / before;
    assert!(took.as_secs_f64() < 2.0 * expected + 45.0, "{took:?}");
    for worker in workers {
        worker.stop(STOP_LIMIT).await.unwrap();
    }
    Audit::of(&platform).await.unwrap().ensure_clean().unwrap();
    platform.stop().await.unwrap();
    ran.passed();
}
