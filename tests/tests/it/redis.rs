//! The whole platform with its jobs on Redis.

use std::time::{Duration, Instant};

use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{RedisServer, ask_database};
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::{Moderation, UploadState};
use sluicegate_tests::audit::Audit;
use sluicegate_tests::client::Client;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::load::{Habit, Load};
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::wait_for;

use crate::shared::{in_turn, judged_within, measured, people, wait_for_verdicts};

const LIMIT: Duration = Duration::from_mins(1);
const OUTAGE: Duration = Duration::from_mins(1);
const CLIENTS: u64 = 4;
const NORMAL_AGAIN: Duration = Duration::from_secs(30);
/// One after the other that must be so.
const VERDICTS: usize = 3;
/// What a machine that others use, too, may add to a verdict.
const NOISE: Duration = Duration::from_secs(1);
/// Jobs that have waited for longer than any does where the workers keep up.
const OPEN: &str = "select count(*) from jobs where state in ('ready', 'relayed', 'running') \
    and created_at < now() - interval '5 seconds'";
const GLANCE: Duration = Duration::from_millis(500);
/// A post or a picture without Redis.
const SLOWEST: Duration = Duration::from_secs(10);

/// Jobs on this Redis, pictures judged after the answer.
pub(crate) fn options(redis: &RedisServer, detector: &Detector) -> Options {
    Options::default()
        .setting("REDIS_URL", &redis.url())
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "true")
}

#[tokio::test]
async fn a_picture_and_a_post_get_their_verdicts_through_redis() {
    let name = "a_picture_and_a_post_get_their_verdicts_through_redis";
    let Some(redis) = RedisServer::with_password(&[], name).await else {
        return;
    };
    let detector = Detector::start().await.unwrap();
    // The origin relays, another process works.
    let mut options = options(&redis, &detector);
    options.no_workers = true;
    let platform = Platform::start(options).await.unwrap();
    let worker = platform.start_worker().await.unwrap();
    let client = platform.sign_up("relayed").await.unwrap();

    let safe = fixtures::read("photo.jpg").unwrap();
    let upload = client.upload_ok("avatar", safe).await.unwrap();
    let judged = client.wait_for_verdict(upload.id).await.unwrap();
    assert_eq!(
        (judged.status, judged.moderation),
        (UploadState::Ready, Moderation::Passed)
    );
    let upload = client
        .upload_ok("avatar", fixtures::read("unsafe.png").unwrap())
        .await
        .unwrap();
    let judged = client.wait_for_verdict(upload.id).await.unwrap();
    assert_eq!(judged.moderation, Moderation::Removed);

    let answer = client.post("a post by way of Redis", None).await.unwrap();
    let post: Post = answer.expect(201).unwrap();
    wait_for("the post's verdict", LIMIT, async || {
        let posts = client.newest_posts().await?;
        let found = posts.into_iter().find(|found| found.id == post.id);
        Ok(found.filter(|found| found.moderation == Moderation::Passed))
    })
    .await
    .unwrap();

    // It was Redis by which they came.
    wait_for("Redis to know", LIMIT, async || {
        let pictures = redis.completed("image-moderation");
        let posts = redis.completed("post-processing");
        Ok((pictures == 2 && posts == 1).then_some(()))
    })
    .await
    .unwrap();
    let doctor = platform.command(&["doctor"]).await.unwrap().join("\n");
    assert!(doctor.contains("job queue"), "{doctor}");
    assert!(doctor.contains("ok, Redis "), "{doctor}");
    worker.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_redis_the_api_goes_on_and_nothing_is_lost() {
    let _turn = in_turn().await;
    let name = "without_its_redis_the_api_goes_on_and_nothing_is_lost";
    let Some(mut redis) = RedisServer::with_password(&[], name).await else {
        return;
    };
    let ran = RanOn::begins(
        &redis.version(),
        "jobs under load while it, a worker and an origin fail",
    );
    let detector = Detector::start().await.unwrap();
    let platform = Platform::start(options(&redis, &detector)).await.unwrap();
    let mut worker = platform.start_worker().await.unwrap();
    let (mut another, _) = platform.start_another_origin().await.unwrap();
    let client = platform.sign_up("patient").await.unwrap();
    let habit = Habit {
        posts_a_picture: 8,
        pause: Duration::from_millis(250),
    };
    let load = Load::begin(people(&platform, "busy", CLIENTS).await, habit);
    load.each_is_answered("answered at first").await.unwrap();
    let mut usual = Vec::new();
    for text in ["said at first", "said again", "said once more"] {
        usual.push(judged_within(&client, text).await);
    }
    usual.sort();
    let usual_verdict = usual[1];

    let before = load.times().await.unwrap();
    worker.kill().unwrap();
    let since = Instant::now();
    let fault = "a worker on Redis was killed under load";
    load.is_normal_again(fault, &before, since).await.unwrap();
    verdicts_are_normal_again(&client, fault, usual_verdict, since).await;

    let before = load.times().await.unwrap();
    another.kill().unwrap();
    let since = Instant::now();
    let fault = "an origin that hands over and compares was killed under load";
    load.is_normal_again(fault, &before, since).await.unwrap();
    verdicts_are_normal_again(&client, fault, usual_verdict, since).await;

    let before = load.times().await.unwrap();
    assert_eq!(redis.ask(&["FLUSHALL"]), "OK");
    let since = Instant::now();
    let fault = "Redis was emptied under load";
    load.is_normal_again(fault, &before, since).await.unwrap();
    verdicts_are_normal_again(&client, fault, usual_verdict, since).await;

    let before = load.times().await.unwrap();
    redis.kill().await;
    let since = Instant::now();
    let file = fixtures::read("photo.jpg").unwrap();
    let meanwhile = client.upload_ok("avatar", file).await.unwrap();
    // Made for whoever asks, and judged by nobody.
    let picture = client.get(&meanwhile.url).await.unwrap();
    picture.expect_status(200).unwrap();
    load.each_is_answered("answered without Redis")
        .await
        .unwrap();
    wait_for("the outage to be over", LIMIT + OUTAGE, async || {
        Ok((since.elapsed() >= OUTAGE).then_some(()))
    })
    .await
    .unwrap();
    let seen = client.upload_state(meanwhile.id).await.unwrap();
    assert_eq!(seen.moderation, Moderation::Unreviewed);
    // Who asks or sends without Redis waits for nothing.
    let without = load.times_since();
    assert!(without.is_like(&before), "{without}, and {before} with it");
    assert!(without.slowest() < SLOWEST, "{without}");

    redis.start_again().await;
    let back = Instant::now();
    let judged = client.wait_for_verdict(meanwhile.id).await.unwrap();
    assert_eq!(judged.moderation, Moderation::Passed);
    catches_up(&platform, &load, back).await;
    let since = Instant::now();
    let fault = "Redis was gone for a minute, and what came meanwhile is done";
    load.is_normal_again(fault, &before, since).await.unwrap();
    verdicts_are_normal_again(&client, fault, usual_verdict, since).await;
    let said = || platform.output().join("\n");
    assert_eq!(load.refused(), 0, "{:?}: {}", load.refusals(), said());
    let taken = load.end().await.unwrap();
    measured(&format!(
        "a worker and an origin were killed, Redis emptied, then gone for a minute (in which it took {without}), under {CLIENTS} clients: \
         {} posts and {} pictures were taken, none refused, and all had their verdicts {:.1} s after it was back",
        taken.posts,
        taken.uploads,
        back.elapsed().as_secs_f64(),
    ));
    Audit::of(&platform).await.unwrap().ensure_clean().unwrap();
    platform.stop().await.unwrap();
    ran.passed();
}

/// Until no job is older than a few seconds, within as long as Redis was gone, which was until `back`.
async fn catches_up(platform: &Platform, load: &Load, back: Instant) {
    let database = platform.database_url().unwrap();
    let what = "what came without Redis to be done";
    wait_for(what, OUTAGE.saturating_sub(back.elapsed()), async || {
        // To log in costs what the jobs need.
        tokio::time::sleep(GLANCE).await;
        Ok((ask_database(&database, OPEN).await == 0).then_some(()))
    })
    .await
    .unwrap();
    let meanwhile = load.times_since();
    assert!(meanwhile.slowest() < SLOWEST, "{meanwhile}");
    measured(&format!(
        "Redis was gone for a minute: {:.1} s after it was back no job was older than five seconds, meanwhile {meanwhile}",
        back.elapsed().as_secs_f64()
    ));
}

/// Until posts wait for their verdicts about as long as they did before the fault, which was at `since`.
async fn verdicts_are_normal_again(client: &Client, fault: &str, usual: Duration, since: Instant) {
    let (asked, mut waited, mut in_a_row) = (Instant::now(), Vec::new(), 0);
    while in_a_row < VERDICTS {
        assert!(asked.elapsed() < NORMAL_AGAIN, "{fault}: {waited:?} ms");
        let text = format!("{} after: {fault}", waited.len());
        let verdict = judged_within(client, &text).await;
        waited.push(verdict.as_millis());
        let is_normal = verdict <= 2 * usual + NOISE;
        in_a_row = if is_normal { in_a_row + 1 } else { 0 };
    }
    measured(&format!(
        "{fault}: a verdict took {} ms before, after it {waited:?} ms, as usual {:.1} s after it",
        usual.as_millis(),
        since.elapsed().as_secs_f64()
    ));
}

#[tokio::test]
async fn what_a_killed_origin_had_relayed_others_finish() {
    let name = "what_a_killed_origin_had_relayed_others_finish";
    let Some(redis) = RedisServer::with_password(&[], name).await else {
        return;
    };
    let detector = Detector::start().await.unwrap();
    // The origin is relay and reconciler, and nobody works.
    let mut options = options(&redis, &detector);
    options.no_workers = true;
    let mut platform = Platform::start(options).await.unwrap();
    let client = platform.sign_up("orphaned").await.unwrap();
    let mut said = Vec::new();
    for number in 0..40 {
        let answer = client.post(&format!("number {number} of many"), None).await;
        said.push(answer.unwrap().expect::<Post>(201).unwrap().id);
    }
    wait_for("some to be in Redis", LIMIT, async || {
        let waiting = redis.count(&["LLEN", "bull:post-processing:wait"]);
        Ok((waiting > 0).then_some(()))
    })
    .await
    .unwrap();
    platform.kill_origin().unwrap();
    // Half-way, what it had brought there goes, too.
    let worker = platform.start_worker().await.unwrap();
    wait_for("half of them to be done", LIMIT, async || {
        let done = redis.completed("post-processing");
        Ok((done >= 20).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(redis.ask(&["FLUSHALL"]), "OK");
    let since = Instant::now();
    platform.restart_origin().await.unwrap();
    wait_for_verdicts(&client, &said).await;
    measured(&format!(
        "an origin that relays was killed, and Redis emptied when half of its 40 jobs were done: all were {:.1} s after that",
        since.elapsed().as_secs_f64()
    ));
    worker.stop(STOP_LIMIT).await.unwrap();
    Audit::of(&platform).await.unwrap().ensure_clean().unwrap();
    platform.stop().await.unwrap();
}

#[tokio::test]
async fn a_redis_that_may_drop_jobs_is_refused() {
    let name = "a_redis_that_may_drop_jobs_is_refused";
    let evicts = ["--maxmemory-policy", "allkeys-lru"];
    let Some(redis) = RedisServer::with_password(&evicts, name).await else {
        return;
    };
    let detector = Detector::start().await.unwrap();
    let refused = Platform::start(options(&redis, &detector)).await;
    let error = format!("{:#}", refused.err().expect("it does not start"));
    assert!(error.contains("maxmemory-policy is allkeys-lru"), "{error}");

    // And `doctor` says so of one that was changed since, or keeps no file.
    let set = |name, value| assert_eq!(redis.ask(&["CONFIG", "SET", name, value]), "OK");
    set("maxmemory-policy", "noeviction");
    let platform = Platform::start(options(&redis, &detector)).await.unwrap();
    let doctor = async || match platform.command(&["doctor"]).await {
        Ok(said) => (true, said.join("\n")),
        Err(error) => (false, format!("{error:#}")),
    };
    let (is_well, said) = doctor().await;
    assert!(is_well && !said.contains("append-only"), "{said}");
    set("appendonly", "no");
    let (is_well, said) = doctor().await;
    assert!(is_well && said.contains("append-only"), "{said}");
    set("maxmemory-policy", "allkeys-lru");
    let (is_well, said) = doctor().await;
    assert!(!is_well && said.contains("allkeys-lru"), "{said}");
    let refused = platform.start_worker().await;
    let error = format!("{:#}", refused.err().expect("it does not start"));
    assert!(error.contains("maxmemory-policy is allkeys-lru"), "{error}");
    platform.stop().await.unwrap();
}
