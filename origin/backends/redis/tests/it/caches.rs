//! What everybody may read, kept for all origins together.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_conformance::cache::{Caches, keeps_nothing_until_it_settles, run};
use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_core::ports::{Found, PublicCache};
use sluicegate_core::public::{Change, Item, SHARES, accounts, share};
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
    let ada = account(7);
    let own = item.topic().unwrap().to_owned();
    for topic in [own, accounts(share(ada))] {
        let Found::Missing(Some(before)) = cache.get(&item).await.unwrap() else {
            panic!("nobody put it");
        };
        let put = cache.put(&item, &before, Some(ada), b"a post").await;
        put.unwrap();
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
    let cache: Arc<dyn PublicCache> = cache(&redis.url(), settles);
    keeps_nothing_until_it_settles(&cache, settles).await;
}

/// One of that share.
fn account(number: u8) -> AccountId {
    let id = format!("00000000-0000-0000-0000-0000000000{number:02x}");
    id.parse().unwrap()
}

#[tokio::test]
async fn a_change_of_an_account_empties_one_share_of_all() {
    let redis = redis_or_skip!();
    let cache = cache(&redis.url(), Duration::ZERO);
    let mut items = Vec::new();
    for number in 0..SHARES {
        let (_, item) = post();
        items.push((account(number), item));
    }
    until("all of it is kept, and one share forgotten", async || {
        for (owner, item) in &items {
            if let Found::Missing(versions) = cache.get(item).await.unwrap() {
                let versions = versions.unwrap();
                let put = cache.put(item, &versions, Some(*owner), b"a post");
                put.await.unwrap();
            }
        }
        cache.forget(Change::Account(account(5))).await.unwrap();
        let mut kept = Vec::new();
        for (owner, item) in &items {
            if let Found::Kept(_) = cache.get(item).await.unwrap() {
                kept.push(*owner);
            }
        }
        assert!(!kept.contains(&account(5)));
        kept.len() == usize::from(SHARES) - 1
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_is_gone_or_was_emptied_is_no_cache_and_then_one_again() {
    let mut redis = redis_or_skip!();
    let cache = cache(&redis.url(), Duration::ZERO);
    let (id, item) = post();
    let Found::Missing(Some(before)) = cache.get(&item).await.unwrap() else {
        panic!("nobody put it");
    };
    let put = cache.put(&item, &before, Some(account(7)), b"a post").await;
    put.unwrap();
    redis.kill().await;
    assert!(cache.get(&item).await.unwrap_err().is_unavailable());
    assert!(cache.forget(Change::Post(id)).await.is_err());
    redis.start_again().await;
    until("it is asked again", async || {
        matches!(cache.get(&item).await, Ok(Found::Missing(Some(after))) if after != before)
    })
    .await;
}
