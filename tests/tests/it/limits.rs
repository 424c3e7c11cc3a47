//! Origins count requests together and keep what strangers read, as long as there is a Redis to do it in.

use std::time::{Duration, Instant};

use reqwest::Method;
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::RedisServer;
use sluicegate_contract::headers::{CLIENT_ADDRESS, EDGE_KEY as EDGE_KEY_HEADER};
use sluicegate_contract::posts::Post;
use sluicegate_tests::client::{Answer, Client};
use sluicegate_tests::platform::{EDGE_KEY, Options, Platform, STOP_LIMIT};
use sluicegate_tests::process::Program;
use sluicegate_tests::wait::wait_for;

use crate::shared::in_turn;

const LIMIT: Duration = Duration::from_mins(1);
pub(crate) const MOST: u64 = 6;
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
            .starts_with("\"lists-by-address\";r=0;t=")
    );
    false
}

/// How many of twenty pass that ask these origins in turn, less those for which there was time meanwhile.
pub(crate) async fn passed(origins: &[&Client], address: &str) -> u64 {
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
    let _turn = in_turn().await;
    let name = "two_origins_count_together_and_each_for_itself_while_redis_is_gone";
    let Some(mut redis) = RedisServer::with_password(&[], name).await else {
        return;
    };
    let ran = RanOn::begins(&redis.version(), "two origins count requests together");
    let options = Options::default()
        .setting("REDIS_URL", &redis.url())
        .setting("RATE_ADDRESS_LISTS", &MOST.to_string());
    let platform = Platform::start(options).await.unwrap();
    let (other, other_url) = platform.start_another_origin().await.unwrap();
    let (one, two) = (
        platform.origin_client().unwrap(),
        Client::new(&other_url).unwrap(),
    );
    assert_eq!(passed(&[&one, &two], "198.51.100.1").await, MOST);
    assert_eq!(passed(&[&two], "198.51.100.1").await, 0);

    redis.kill().await;
    // Each has its own count, and none refuses anybody because of Redis.
    assert_eq!(passed(&[&one, &two], "198.51.100.2").await, 2 * MOST);
    let first = platform.origin.as_ref().unwrap();
    for origin in [first, &other] {
        assert!(says(origin, "counted for each process by itself now").is_some());
    }

    // What is written is written, and seen: there is no cache to ask, nor to tell.
    let writer = platform.sign_up("writer").await.unwrap();
    let post = writer.post("without a cache", None).await.unwrap();
    let post: Post = post.expect(201).unwrap();
    for origin in [&one, &two] {
        let request = origin.request(Method::GET, &format!("/v1/posts/{}", post.id));
        let answer = Answer::read(request.send().await.unwrap()).await.unwrap();
        answer.expect_status(200).unwrap();
    }
    for out in [
        "the cache was not told of a change",
        "the cache cannot be asked",
    ] {
        assert!(says(first, out).is_some(), "{out}");
    }

    redis.start_again().await;
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
    ran.passed();
}

#[tokio::test]
async fn what_one_origin_changes_no_other_one_shows_from_the_cache() {
    let _turn = in_turn().await;
    let name = "what_one_origin_changes_no_other_one_shows_from_the_cache";
    let Some(redis) = RedisServer::with_password(&[], name).await else {
        return;
    };
    let options = Options::default().setting("REDIS_URL", &redis.url());
    let platform = Platform::start(options).await.unwrap();
    let (other, other_url) = platform.start_another_origin().await.unwrap();
    let two = Client::new(&other_url).unwrap();
    let author = platform.sign_up("author").await.unwrap();
    let mut hits = false;
    for number in 0..20 {
        let post = author
            .post(&format!("post number {number}"), None)
            .await
            .unwrap();
        let post: Post = post.expect(201).unwrap();
        let path = format!("/v1/posts/{}", post.id);
        for _ in 0..3 {
            let request = two.request(Method::GET, &path);
            let answer = Answer::read(request.send().await.unwrap()).await.unwrap();
            answer.expect_status(200).unwrap();
        }
        let name = format!("{{sluicegate:public}}:item:open:post:{}", post.id);
        hits |= redis.count(&["EXISTS", &name]) == 1;
        let request = author.request(Method::DELETE, &path);
        let gone = Answer::read(request.send().await.unwrap()).await.unwrap();
        gone.expect_status(204).unwrap();
        let request = two.request(Method::GET, &path);
        let answer = Answer::read(request.send().await.unwrap()).await.unwrap();
        answer.expect_problem(404, "not-found").unwrap();
    }
    assert!(hits, "nothing was ever kept");
    other.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}
