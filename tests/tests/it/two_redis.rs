//! Which Redis is used for what, and what is said of one that forgets.

use std::time::Duration;

use reqwest::Method;
use sluicegate_contract::headers::{CLIENT_ADDRESS, EDGE_KEY as EDGE_KEY_HEADER};
use sluicegate_contract::posts::Post;
use sluicegate_tests::client::Answer;
use sluicegate_tests::platform::{EDGE_KEY, Options, Platform};
use sluicegate_tests::redis::Redis;
use sluicegate_tests::wait::wait_for;

use crate::shared::skip;

const MISSING: &str = "no redis-server on PATH, and SLUICEGATE_REDIS_SERVER names none";
const LIMIT: Duration = Duration::from_mins(1);
const LIMITS: &str = "sluicegate:limit:*";
const CACHES: &str = "{sluicegate:public}:*";
const JOBS: &str = "bull:*";

#[tokio::test]
async fn jobs_are_on_one_redis_and_limits_and_caches_on_another() {
    let name = "jobs_are_on_one_redis_and_limits_and_caches_on_another";
    let Some(jobs) = Redis::start("noeviction").await.unwrap() else {
        return skip(name, MISSING);
    };
    let Some(shared) = Redis::start_forgetful("allkeys-lru").await.unwrap() else {
        return skip(name, MISSING);
    };
    let options = Options::default()
        .setting("REDIS_URL", &jobs.url())
        .setting("REDIS_CACHE_URL", &shared.url());
    let platform = Platform::start(options).await.unwrap();
    let author = platform.sign_up("author").await.unwrap();
    let post = author.post("on two of them", None).await.unwrap();
    let post: Post = post.expect(201).unwrap();
    wait_for("the post to be judged", LIMIT, async || {
        Ok((jobs.completed("post-processing").await? > 0).then_some(()))
    })
    .await
    .unwrap();
    // Connecting takes a moment, and what is kept is gone after two.
    let origin = platform.origin_client().unwrap();
    wait_for("limits and caches to be used", LIMIT, async || {
        let request = origin
            .request(Method::GET, &format!("/v1/posts/{}", post.id))
            .header(EDGE_KEY_HEADER, EDGE_KEY)
            .header(CLIENT_ADDRESS, "198.51.100.1");
        let answer = Answer::read(request.send().await?).await?;
        answer.expect_status(200)?;
        let used = shared.keys(LIMITS).await? > 0 && shared.keys(CACHES).await? > 0;
        Ok(used.then_some(()))
    })
    .await
    .unwrap();
    assert!(jobs.keys(JOBS).await.unwrap() > 0);
    assert_eq!(shared.keys(JOBS).await.unwrap(), 0);
    for pattern in [LIMITS, CACHES] {
        assert_eq!(jobs.keys(pattern).await.unwrap(), 0, "{pattern}");
    }
    platform.stop().await.unwrap();
}

#[tokio::test]
async fn a_queue_that_forgets_is_told_of_at_start() {
    const WARNING: &str = "Redis keeps no append-only file";
    let name = "a_queue_that_forgets_is_told_of_at_start";
    let started = async |redis: &Redis| {
        let options = Options::default().setting("REDIS_URL", &redis.url());
        Platform::start(options).await.unwrap()
    };
    let Some(forgetful) = Redis::start_forgetful("noeviction").await.unwrap() else {
        return skip(name, MISSING);
    };
    let platform = started(&forgetful).await;
    let warned = |platform: &Platform| {
        let output = platform.origin.as_ref().unwrap().output();
        output.iter().any(|line| line.contains(WARNING))
    };
    assert!(warned(&platform));
    platform.stop().await.unwrap();

    let Some(mindful) = Redis::start("noeviction").await.unwrap() else {
        return skip(name, MISSING);
    };
    let platform = started(&mindful).await;
    assert!(!warned(&platform));
    platform.stop().await.unwrap();
}
