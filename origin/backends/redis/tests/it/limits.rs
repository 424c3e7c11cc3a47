//! Requests are counted for all origins together.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_conformance::limiter::{Limiters, run};
use sluicegate_core::rate::Rate;
use sluicegate_redis::RedisLimiter;

use crate::support::{PATIENT, redis_or_skip, shared};

/// As two origins have them.
fn limiters(url: &str) -> Limiters {
    let limiter = || Arc::new(RedisLimiter::new(shared(url, None, PATIENT)));
    Limiters {
        one: limiter(),
        other: limiter(),
    }
}

#[tokio::test]
async fn the_limiter_keeps_the_promises_of_its_port() {
    let redis = redis_or_skip!();
    run(&limiters(&redis.url())).await;
}

#[tokio::test]
async fn a_redis_that_has_lost_its_scripts_is_told_them_again() {
    let redis = redis_or_skip!();
    let Limiters { one, .. } = limiters(&redis.url());
    let rate = Rate::new(10, Duration::from_hours(1));
    assert_eq!(one.admit("ada", &rate).await.unwrap().left, 9);
    redis.ask(&["SCRIPT", "FLUSH"]).await.unwrap();
    assert_eq!(one.admit("ada", &rate).await.unwrap().left, 8);
}

#[tokio::test]
async fn nothing_is_kept_longer_than_it_counts() {
    let redis = redis_or_skip!();
    let Limiters { one, .. } = limiters(&redis.url());
    let rate = Rate::new(10, Duration::from_mins(1));
    one.admit("ada", &rate).await.unwrap();
    one.admit("ada", &rate).await.unwrap();
    let left = redis.ask(&["PTTL", "sluicegate:limit:ada"]).await.unwrap();
    let left: i64 = redis::from_redis_value(left).unwrap();
    // Two of ten shares of a minute.
    assert!((1..=12_000).contains(&left), "{left} ms");
}
