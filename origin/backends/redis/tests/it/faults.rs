//! Redis is down, stands still, or is full.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_core::ports::RequestLimiter;
use sluicegate_core::rate::Rate;
use sluicegate_redis::{Patience, RedisLimiter};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::{PATIENT, redis_or_skip, shared, until};

const RATE: fn() -> Rate = || Rate::new(1_000, Duration::from_hours(1));

#[tokio::test]
async fn one_that_was_killed_is_an_outage_until_it_is_back() {
    let mut redis = redis_or_skip!();
    let limiter = RedisLimiter::new(shared(&redis.url(), None, PATIENT));
    assert_eq!(limiter.admit("ada", &RATE()).await.unwrap().left, 999);
    redis.kill().await;
    let down = limiter.admit("ada", &RATE()).await.unwrap_err();
    assert!(down.is_unavailable(), "{down}");
    redis.start_again().await;
    until("it is asked again", async || {
        limiter.admit("grace", &RATE()).await.is_ok()
    })
    .await;
    // It has forgotten everything, and counts from nothing.
    assert_eq!(limiter.admit("ada", &RATE()).await.unwrap().left, 999);
}

#[tokio::test]
async fn one_that_does_not_answer_holds_up_one_call_and_nobody_after_it() {
    // Takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let patience = Patience {
        call: Duration::from_millis(200),
        pause: Duration::from_hours(1),
    };
    let limiter = Arc::new(RedisLimiter::new(shared(&url, None, patience)));
    let down = limiter.admit("ada", &RATE()).await.unwrap_err();
    assert!(down.is_unavailable(), "{down}");
    let began = Instant::now();
    for _ in 0..1_000 {
        let down = limiter.admit("ada", &RATE()).await.unwrap_err();
        assert!(down.to_string().contains("left alone"), "{down}");
    }
    assert!(began.elapsed() < Duration::from_secs(100), "all waited");
}

#[tokio::test]
async fn one_that_is_full_is_an_outage() {
    let redis = redis_or_skip!("--maxmemory-policy", "noeviction");
    let limiter = RedisLimiter::new(shared(&redis.url(), None, PATIENT));
    limiter.admit("ada", &RATE()).await.unwrap();
    redis
        .ask(&["CONFIG", "SET", "maxmemory", "1"])
        .await
        .unwrap();
    let full = limiter.admit("ada", &RATE()).await.unwrap_err();
    assert!(full.is_unavailable(), "{full}");
}
