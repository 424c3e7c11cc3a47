//! Requests are counted for all origins together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_conformance::limiter::{Limiters, run};
use sluicegate_core::rate::Rate;
use sluicegate_redis::RedisLimiter;

use crate::support::{PATIENT, Redis, redis_or_skip, shared};

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

/// How often each command was called, those of scripts among them.
async fn calls(redis: &Redis) -> BTreeMap<String, u64> {
    let stats = redis.ask(&["INFO", "commandstats"]).await.unwrap();
    let stats: String = redis::from_redis_value(stats).unwrap();
    let line = |line: &str| {
        let (name, counts) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let (calls, _) = counts.split_once(',')?;
        Some((name.to_owned(), calls.parse().ok()?))
    };
    stats.lines().filter_map(line).collect()
}

#[tokio::test]
async fn a_check_is_one_script() {
    let redis = redis_or_skip!();
    let Limiters { one, .. } = limiters(&redis.url());
    let rate = Rate::new(10, Duration::from_hours(1));
    // The first connects, and tells the script.
    one.admit("ada", &rate).await.unwrap();
    let before = calls(&redis).await;
    for _ in 0..20 {
        one.admit("grace", &rate).await.unwrap();
    }
    let after = calls(&redis).await;
    let (idle, asks) = (0, ["info", "hello", "client|setinfo"]);
    let meanwhile = after.iter().filter_map(|(name, calls)| {
        let more = calls - before.get(name).unwrap_or(&idle);
        (more > 0 && !asks.contains(&name.as_str())).then_some((name.as_str(), more))
    });
    let meanwhile: Vec<_> = meanwhile.collect();
    // In the script: the time and the bucket of each, and ten buckets that are not full.
    let script = [("evalsha", 20), ("get", 20), ("set", 10), ("time", 20)];
    assert_eq!(meanwhile, script);
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
