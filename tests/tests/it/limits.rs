//! Origins count requests together, as long as there is a Redis to do it in.

use std::time::{Duration, Instant};

use reqwest::Method;
use sluicegate_contract::headers::{CLIENT_ADDRESS, EDGE_KEY as EDGE_KEY_HEADER};
use sluicegate_tests::client::{Answer, Client};
use sluicegate_tests::platform::{EDGE_KEY, Options, Platform, STOP_LIMIT};
use sluicegate_tests::process::Program;
use sluicegate_tests::redis::Redis;
use sluicegate_tests::wait::wait_for;

use crate::shared::skip;

const MISSING: &str = "no redis-server on PATH, and SLUICEGATE_REDIS_SERVER names none";
const LIMIT: Duration = Duration::from_mins(1);
const MOST: u64 = 6;
/// After so long another request is let through.
const SHARE: Duration = Duration::from_secs(10);

/// Whether a client from that address is let through.
async fn passes(origin: &Client, address: &str) -> bool {
    let request = origin
        .request(Method::GET, "/v1/posts")
        .header(EDGE_KEY_HEADER, EDGE_KEY)
        .header(CLIENT_ADDRESS, address);
    let answer = Answer::read(request.send().await.unwrap()).await.unwrap();
    if answer.status == 200 {
        return true;
    }
    answer.expect_problem(429, "too-many-requests").unwrap();
    assert!(
        answer
            .header("ratelimit")
            .starts_with("\"reads-by-address\";r=0;t=")
    );
    false
}

/// How many of twenty pass that ask these origins in turn, less those for which there was time meanwhile.
async fn passed(origins: &[&Client], address: &str) -> u64 {
    let began = Instant::now();
    let mut passed = 0;
    for origin in origins.iter().cycle().take(20) {
        passed += u64::from(passes(origin, address).await);
    }
    let meanwhile = began.elapsed().as_secs() / SHARE.as_secs();
    passed - meanwhile.min(passed.saturating_sub(MOST))
}

fn says(program: &Program, text: &str) -> Option<()> {
    let output = program.output();
    output.iter().any(|line| line.contains(text)).then_some(())
}

#[tokio::test]
async fn two_origins_count_together_and_each_for_itself_while_redis_is_gone() {
    let Some(mut redis) = Redis::start("noeviction").await.unwrap() else {
        return skip(
            "two_origins_count_together_and_each_for_itself_while_redis_is_gone",
            MISSING,
        );
    };
    let options = Options::default()
        .setting("REDIS_URL", &redis.url())
        .setting("RATE_ADDRESS_READS", &MOST.to_string());
    let platform = Platform::start(options).await.unwrap();
    let (other, other_url) = platform.start_another_origin().await.unwrap();
    let (one, two) = (
        platform.origin_client().unwrap(),
        Client::new(&other_url).unwrap(),
    );
    assert_eq!(passed(&[&one, &two], "198.51.100.1").await, MOST);
    assert_eq!(passed(&[&two], "198.51.100.1").await, 0);

    redis.kill().unwrap();
    // Each has its own count, and none refuses anybody because of Redis.
    assert_eq!(passed(&[&one, &two], "198.51.100.2").await, 2 * MOST);
    let first = platform.origin.as_ref().unwrap();
    for origin in [first, &other] {
        assert!(says(origin, "counted for each process by itself now").is_some());
    }

    redis.start_again().await.unwrap();
    for (origin, client) in [(first, &one), (&other, &two)] {
        wait_for(
            "an origin to count with the others again",
            LIMIT,
            async || {
                passes(client, "198.51.100.3").await;
                Ok(says(origin, "counted for all processes together again"))
            },
        )
        .await
        .unwrap();
    }
    assert_eq!(passed(&[&one, &two], "198.51.100.4").await, MOST);
    other.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}
