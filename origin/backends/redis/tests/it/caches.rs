//! What everybody may read, kept for all origins together.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_conformance::cache::{Caches, run};
use sluicegate_contract::ids::PostId;
use sluicegate_core::ports::{Found, PublicCache};
use sluicegate_core::public::{Change, Item};
use sluicegate_local::system_env;
use sluicegate_redis::RedisCache;

use crate::support::{PATIENT, redis_or_skip, shared, until};

fn cache(url: &str, settles: Duration) -> Arc<RedisCache> {
    Arc::new(RedisCache::new(
        shared(url, None, PATIENT),
        system_env(),
        settles,
    ))
}

fn post() -> (PostId, Item) {
    let id = PostId(system_env().new_id());
    (id, Item::post("open", id))
}

#[tokio::test]
async fn the_cache_keeps_the_promises_of_its_port() {
    let redis = redis_or_skip!();
    let (one, other) = (
        cache(&redis.url(), Duration::ZERO),
        cache(&redis.url(), Duration::ZERO),
    );
    run(&Caches { one, other }).await;
}

#[tokio::test]
async fn a_version_that_was_evicted_never_comes_back() {
    let redis = redis_or_skip!("--maxmemory-policy", "allkeys-lru");
    let cache = cache(&redis.url(), Duration::ZERO);
    let (_, item) = post();
    for topic in item.topics().map(ToOwned::to_owned) {
        let Found::Missing(Some(before)) = cache.get(&item).await.unwrap() else {
            panic!("nobody put it");
        };
        cache.put(&item, &before, b"a post").await.unwrap();
        let key = format!("{{sluicegate:public}}:topic:{topic}");
        let gone = redis.ask(&["DEL", &key]).await.unwrap();
        assert_eq!(gone, redis::Value::Int(1), "{key}");
        let found = cache.get(&item).await.unwrap();
        assert!(matches!(found, Found::Missing(Some(after)) if after != before));
    }
}

#[tokio::test]
async fn nothing_is_kept_while_copies_of_the_database_may_be_old() {
    let redis = redis_or_skip!();
    let settles = Duration::from_millis(700);
    let cache = cache(&redis.url(), settles);
    let (id, item) = post();
    let may_be_kept = async || {
        let found = cache.get(&item).await.unwrap();
        matches!(found, Found::Missing(Some(_)))
    };
    assert!(!may_be_kept().await, "nobody knows what was before");
    until("it settles", may_be_kept).await;
    cache.forget(Change::Post(id)).await.unwrap();
    assert!(!may_be_kept().await);
    until("it settles again", may_be_kept).await;
}

#[tokio::test]
async fn a_redis_that_is_gone_or_was_emptied_is_no_cache_and_then_one_again() {
    let mut redis = redis_or_skip!();
    let cache = cache(&redis.url(), Duration::ZERO);
    let (id, item) = post();
    let Found::Missing(Some(before)) = cache.get(&item).await.unwrap() else {
        panic!("nobody put it");
    };
    cache.put(&item, &before, b"a post").await.unwrap();
    redis.kill().await;
    assert!(cache.get(&item).await.unwrap_err().is_unavailable());
    assert!(cache.forget(Change::Post(id)).await.is_err());
    redis.start_again().await;
    until("it is asked again", async || {
        matches!(cache.get(&item).await, Ok(Found::Missing(Some(after))) if after != before)
    })
    .await;
}
