//! The whole platform with its jobs on Redis.

use std::time::{Duration, Instant};

use sluicegate_contract::ids::PostId;
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::{Moderation, UploadState};
use sluicegate_tests::client::Client;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::redis::Redis;
use sluicegate_tests::wait::wait_for;

use crate::shared::{measured, skip};

const MISSING: &str = "no redis-server on PATH, and SLUICEGATE_REDIS_SERVER names none";
const LIMIT: Duration = Duration::from_mins(1);
const OUTAGE: Duration = Duration::from_mins(1);

fn options(redis: &Redis, detector: &Detector) -> Options {
    Options::default()
        .setting("REDIS_URL", &redis.url())
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "true")
}

#[tokio::test]
async fn a_picture_and_a_post_get_their_verdicts_through_redis() {
    let Some(redis) = Redis::start("noeviction").await.unwrap() else {
        return skip(
            "a_picture_and_a_post_get_their_verdicts_through_redis",
            MISSING,
        );
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
        let pictures = redis.completed("image-moderation").await?;
        let posts = redis.completed("post-processing").await?;
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

#[tokio::test]
async fn without_its_redis_the_api_goes_on_and_nothing_is_lost() {
    let Some(mut redis) = Redis::start("noeviction").await.unwrap() else {
        return skip(
            "without_its_redis_the_api_goes_on_and_nothing_is_lost",
            MISSING,
        );
    };
    let detector = Detector::start().await.unwrap();
    let platform = Platform::start(options(&redis, &detector)).await.unwrap();
    let client = platform.sign_up("patient").await.unwrap();
    let file = fixtures::read("photo.jpg").unwrap();
    let before = client.upload_ok("avatar", file.clone()).await.unwrap();
    client.wait_for_verdict(before.id).await.unwrap();

    redis.kill().unwrap();
    let meanwhile = client.upload_ok("avatar", file).await.unwrap();
    // Made for whoever asks, and judged by nobody.
    let picture = client.get(&meanwhile.url).await.unwrap();
    picture.expect_status(200).unwrap();
    let seen = client.upload_state(meanwhile.id).await.unwrap();
    assert_eq!(seen.moderation, Moderation::Unreviewed);
    let since = Instant::now();
    let mut pause = tokio::time::interval(Duration::from_secs(3));
    let mut said = Vec::new();
    while since.elapsed() < OUTAGE {
        pause.tick().await;
        let text = format!("said {} ms into the outage", since.elapsed().as_millis());
        let answer = client.post(&text, None).await.unwrap();
        said.push(answer.expect::<Post>(201).unwrap().id);
    }

    redis.start_again().await.unwrap();
    let since = Instant::now();
    let judged = client.wait_for_verdict(meanwhile.id).await.unwrap();
    assert_eq!(judged.moderation, Moderation::Passed);
    wait_for_verdicts(&client, &said).await;
    measured(&format!(
        "Redis was gone for a minute, in which all of {} posts and a picture were taken: {:.1} s after it was back all had \
         their verdicts",
        said.len(),
        since.elapsed().as_secs_f64()
    ));
    platform.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_killed_origin_had_relayed_others_finish() {
    let Some(redis) = Redis::start("noeviction").await.unwrap() else {
        return skip("what_a_killed_origin_had_relayed_others_finish", MISSING);
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
        let waiting = redis.ask("LLEN bull:post-processing:wait").await?;
        Ok((waiting.trim_start_matches(':').parse::<u64>()? > 0).then_some(()))
    })
    .await
    .unwrap();
    platform.kill_origin().unwrap();
    // Half-way, what it had brought there goes, too.
    let worker = platform.start_worker().await.unwrap();
    wait_for("half of them to be done", LIMIT, async || {
        let done = redis.completed("post-processing").await?;
        Ok((done >= 20).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(redis.ask("FLUSHALL").await.unwrap(), "+OK");
    platform.restart_origin().await.unwrap();
    wait_for_verdicts(&client, &said).await;
    worker.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}

async fn wait_for_verdicts(client: &Client, posts: &[PostId]) {
    wait_for("the verdicts on all posts", LIMIT, async || {
        let seen = client.newest_posts().await?;
        let is_judged = |id: &PostId| {
            let found = seen.iter().find(|post| post.id == *id);
            found.is_some_and(|post| post.moderation == Moderation::Passed)
        };
        Ok(posts.iter().all(is_judged).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_redis_that_may_drop_jobs_is_refused() {
    let Some(redis) = Redis::start("allkeys-lru").await.unwrap() else {
        return skip("a_redis_that_may_drop_jobs_is_refused", MISSING);
    };
    let detector = Detector::start().await.unwrap();
    let refused = Platform::start(options(&redis, &detector)).await;
    let error = format!("{:#}", refused.err().expect("it does not start"));
    assert!(error.contains("maxmemory-policy is allkeys-lru"), "{error}");
}
