//! Redis is down, stands still, is slow to greet, or says no.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_core::ports::{PublicCache, RequestLimiter};
use sluicegate_core::public::{Change, Item};
use sluicegate_core::rate::Rate;
use sluicegate_local::system_env;
use sluicegate_redis::{Patience, RedisCache, RedisLimiter};
use tokio::net::{TcpListener, TcpStream};
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
        connect: Duration::from_secs(1),
        ..PATIENT
    };
    let limiter = Arc::new(RedisLimiter::new(shared(&url, None, patience)));
    let down = limiter.admit("ada", &RATE()).await.unwrap_err();
    assert!(down.is_unavailable(), "{down}");
    let began = Instant::now();
    for _ in 0..1_000 {
        assert!(limiter.admit("ada", &RATE()).await.is_err());
    }
    assert!(began.elapsed() < Duration::from_secs(100), "all waited");
    until("connecting is given up", async || {
        let down = limiter.admit("ada", &RATE()).await.unwrap_err();
        down.to_string().contains("left alone")
    })
    .await;
}

/// Of one that is left alone for an hour after an outage.
fn of_one(url: &str) -> (RedisLimiter, RedisCache) {
    let patience = Patience {
        pause: Duration::from_hours(1),
        ..PATIENT
    };
    let redis = shared(url, None, patience);
    let cache = RedisCache::new(Arc::clone(&redis), system_env(), Duration::ZERO);
    (RedisLimiter::new(redis), cache)
}

#[tokio::test]
async fn what_redis_refuses_is_that_calls_error_alone() {
    let redis = redis_or_skip!("--maxmemory-policy", "noeviction");
    let (limiter, cache) = of_one(&redis.url());
    limiter.admit("ada", &RATE()).await.unwrap();
    let ask = async |words: &[&str]| redis.ask(words).await.unwrap();

    // Full: what takes room is refused, and what gives some is not.
    ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let full = limiter.admit("ada", &RATE()).await.unwrap_err();
    assert!(full.to_string().contains("OOM"), "{full}");
    cache.forget(Change::NewPost).await.unwrap();
    ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    limiter.admit("ada", &RATE()).await.unwrap();

    // A right that is missing.
    ask(&["ACL", "SETUSER", "default", "-mget"]).await;
    let item = Item::profile("open", "ada");
    let refused = cache.get(&item).await.unwrap_err();
    assert!(refused.to_string().contains("no permissions"), "{refused}");
    limiter.admit("ada", &RATE()).await.unwrap();
    ask(&["ACL", "SETUSER", "default", "+mget"]).await;
    cache.get(&item).await.unwrap();

    // Somebody else's key.
    ask(&["LPUSH", "sluicegate:limit:grace", "x"]).await;
    let refused = limiter.admit("grace", &RATE()).await.unwrap_err();
    assert!(refused.to_string().contains("WRONGTYPE"), "{refused}");
    limiter.admit("ada", &RATE()).await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_takes_longer_than_a_call_is_waited_for_by_no_call_and_ends() {
    let redis = redis_or_skip!();
    let place = redis.url().replace("redis://", "").replace("/0", "");
    let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", slow.local_addr().unwrap());
    let proxy = tokio::spawn(async move {
        loop {
            let (mut client, _) = slow.accept().await.unwrap();
            let place = place.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(600)).await;
                let mut server = TcpStream::connect(place).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let patience = Patience {
        call: Duration::from_millis(250),
        ..PATIENT
    };
    let limiter = RedisLimiter::new(shared(&url, None, patience));
    let early = limiter.admit("ada", &RATE()).await.unwrap_err();
    assert!(early.to_string().contains("not connected yet"), "{early}");
    until("it is connected", async || {
        limiter.admit("ada", &RATE()).await.is_ok()
    })
    .await;
    proxy.abort();
}
