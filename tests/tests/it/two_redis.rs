//! Which Redis is used for what, and what is said of one that forgets.

use std::time::Duration;

use reqwest::Method;
use sluicegate_conformance::servers::RedisServer;
use sluicegate_contract::headers::{CLIENT_ADDRESS, EDGE_KEY as EDGE_KEY_HEADER};
use sluicegate_contract::posts::Post;
use sluicegate_tests::client::Answer;
use sluicegate_tests::platform::{EDGE_KEY, Options, Platform};
use sluicegate_tests::wait::wait_for;

/// Nothing is written down.
const FORGETS: [&str; 2] = ["--appendonly", "no"];
const LIMIT: Duration = Duration::from_mins(1);
const LIMITS: &str = "sluicegate:limit:*";
const CACHES: &str = "{sluicegate:public}:*";
const JOBS: &str = "bull:*";

#[tokio::test]
async fn jobs_are_on_one_redis_and_limits_and_caches_on_another() {
    let name = "jobs_are_on_one_redis_and_limits_and_caches_on_another";
    let Some(jobs) = RedisServer::with_password(&[], name).await else {
        return;
    };
    let evicts = [FORGETS, ["--maxmemory-policy", "allkeys-lru"]].concat();
    let shared = RedisServer::with_password(&evicts, name).await.unwrap();
    let options = Options::default()
        .setting("REDIS_URL", &jobs.url())
        .setting("REDIS_CACHE_URL", &shared.url())
        // What counts a request is gone after half a second, not after five milliseconds.
        .setting("RATE_ADDRESS_READS", "120");
    let platform = Platform::start(options).await.unwrap();
    let author = platform.sign_up("author").await.unwrap();
    let post = author.post("on two of them", None).await.unwrap();
    let post: Post = post.expect(201).unwrap();
    wait_for("the post to be judged", LIMIT, async || {
        Ok((jobs.completed("post-processing") > 0).then_some(()))
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
        if answer.status == 429 {
            // Looked too often: there is more in a moment.
            return Ok(None);
        }
        answer.expect_status(200)?;
        let used = shared.keys(LIMITS) > 0 && shared.keys(CACHES) > 0;
        Ok(used.then_some(()))
    })
    .await
    .unwrap();
    assert!(jobs.keys(JOBS) > 0);
    assert_eq!(shared.keys(JOBS), 0);
    for pattern in [LIMITS, CACHES] {
        assert_eq!(jobs.keys(pattern), 0, "{pattern}");
    }
    platform.stop().await.unwrap();
}

#[tokio::test]
async fn a_queue_that_forgets_is_told_of_at_start() {
    const WARNING: &str = "Redis keeps no append-only file";
    let name = "a_queue_that_forgets_is_told_of_at_start";
    let started = async |redis: &RedisServer| {
        let options = Options::default().setting("REDIS_URL", &redis.url());
        Platform::start(options).await.unwrap()
    };
    let Some(forgetful) = RedisServer::with_password(&FORGETS, name).await else {
        return;
    };
    let platform = started(&forgetful).await;
    let warned = |platform: &Platform| {
        let output = platform.origin.as_ref().unwrap().output();
        output.iter().any(|line| line.contains(WARNING))
    };
    assert!(warned(&platform));
    platform.stop().await.unwrap();

    // What operators are given is as it should be, for `doctor` as well.
    let deployed = RedisServer::as_deployed(name).await.unwrap();
    let platform = started(&deployed).await;
    assert!(!warned(&platform));
    let said = platform.command(&["doctor"]).await.unwrap().join("\n");
    assert!(!said.contains("append-only"), "{said}");
    platform.stop().await.unwrap();
}
