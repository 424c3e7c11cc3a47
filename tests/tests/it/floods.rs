//! What one person's flood is to others, on real programs: by the table, and by Redis.

use std::time::Duration;

use sluicegate_conformance::flood::flood;
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::RedisServer;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::text_model::TextModel;
use sluicegate_tests::wait::wait_for;

use crate::shared::{in_turn, judged_within, measured};

/// More than are judged here.
const FLOOD: usize = 10_000;
/// How long a text takes, so that a worker has no more to do than it can.
const TAKES: Duration = Duration::from_millis(300);
const LIMIT: Duration = Duration::from_mins(2);
const TRIES: usize = 5;
/// What a flood may add to it.
const DELAYED: Duration = Duration::from_secs(1);

async fn delays_nobody_by_more_than_a_second(by: &str, options: Options) {
    let _turn = in_turn().await;
    let model = TextModel::that_takes(TAKES).await.unwrap();
    let options = Options {
        no_workers: true,
        ..options
            .setting("MODERATION_MODEL_URL", &model.url)
            .setting("MODERATION_MODEL", "stand-in")
            .setting("MODERATION_CONTENT_ASYNC", "true")
            .setting("POST_JOBS", "4")
    };
    let ran = RanOn::begins(by, "a flood of 10,000 jobs of one owner, and others' jobs");
    let platform = Platform::start(options).await.unwrap();
    let worker = platform.start_worker().await.unwrap();
    let many = platform.sign_up("many").await.unwrap();
    let one = platform.sign_up("one").await.unwrap();
    let waits = async |when: &str| {
        let mut waits = Vec::new();
        for number in 0..TRIES {
            let text = format!("said {when}, {number}");
            waits.push(judged_within(&one, &text).await);
        }
        waits.sort_unstable();
        waits
    };
    let before = waits("while it is quiet").await[TRIES - 1];

    let author = many.me().await.unwrap().id;
    let judged = model.judged();
    flood(&platform.database_url().unwrap(), author, FLOOD).await;
    wait_for("the flood to flow", LIMIT, async || {
        Ok((model.judged() > judged + 8).then_some(()))
    })
    .await
    .unwrap();
    let judged = model.judged();
    let mut meanwhile = waits("beside a flood").await;
    // A machine that does other things may break the promise, but not twice.
    if meanwhile[TRIES - 1] >= before + DELAYED {
        measured(&format!(
            "{by}: beside a flood, in a first series: {meanwhile:.0?}"
        ));
        meanwhile = waits("beside it, once more").await;
    }
    let flowed = model.judged() - judged;
    assert!(flowed > 3 * TRIES as u64, "{flowed} of the flood meanwhile");
    assert!(model.judged() < FLOOD as u64, "the flood is not over");
    measured(&format!(
        "{by}: of {TRIES} posts none waited for its verdict longer than {} ms while it was quiet; beside {FLOOD} posts of \
         another, each of which takes {} ms, they waited {meanwhile:.0?}",
        before.as_millis(),
        TAKES.as_millis(),
    ));
    assert!(
        meanwhile[TRIES - 1] < before + DELAYED,
        "{meanwhile:?}, {before:?} before"
    );
    worker.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
    ran.passed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_delays_nobody_by_the_table() {
    delays_nobody_by_more_than_a_second("the embedded Postgres", Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_delays_nobody_by_redis() {
    let name = "a_flood_delays_nobody_by_redis";
    let Some(redis) = RedisServer::start(&[], name).await else {
        return;
    };
    let options = Options::default().setting("REDIS_URL", &redis.url());
    delays_nobody_by_more_than_a_second(&redis.version(), options).await;
}
