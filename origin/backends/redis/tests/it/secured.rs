//! TLS, and a cluster.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_conformance::cache::{self, Caches};
use sluicegate_conformance::limiter::{self, Limiters};
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{RedisCluster, RedisServer};
use sluicegate_contract::ids::PostId;
use sluicegate_core::ports::{PublicCache, RequestLimiter};
use sluicegate_core::public::Item;
use sluicegate_core::rate::Rate;
use sluicegate_local::system_env;
use sluicegate_redis::{RedisCache, RedisLimiter};

use crate::support::{PATIENT, shared, test_name, until};

fn limits(url: &str, ca: Option<&[u8]>) -> Arc<dyn RequestLimiter> {
    Arc::new(RedisLimiter::new(shared(url, ca, PATIENT)))
}

fn cached(url: &str, ca: Option<&[u8]>) -> Arc<dyn PublicCache> {
    let redis = shared(url, ca, PATIENT);
    Arc::new(RedisCache::new(redis, system_env(), Duration::ZERO))
}

async fn counts(limiter: &Arc<dyn RequestLimiter>, key: &str) -> bool {
    let rate = Rate::new(1_000, Duration::from_hours(1));
    limiter.admit(key, &rate).await.is_ok()
}

#[tokio::test]
async fn a_redis_with_tls_is_used_only_if_its_certificate_is_right() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(redis) = RedisServer::with_tls(&test_name()).await else {
        return;
    };
    let ran = RanOn::begins(&redis.version(), "what is shared");
    let trusting = || limits(&redis.url(), redis.authority());
    let one = trusting();
    until("it answers", async || counts(&one, "ada").await).await;
    let other = trusting();
    limiter::run(&Limiters { one, other }).await;
    let trusting = || cached(&redis.url(), redis.authority());
    let (one, other) = (trusting(), trusting());
    cache::run(&Caches { one, other }).await;

    assert!(
        !counts(&limits(&redis.url(), None), "ada").await,
        "nobody vouches for it"
    );
    let plain = redis.url().replacen("rediss:", "redis:", 1);
    assert!(!counts(&limits(&plain, None), "ada").await);
    ran.passed();
}

/// So many keys that each node has some.
async fn counts_everywhere(limiter: &Arc<dyn RequestLimiter>) -> bool {
    for number in 0..30 {
        if !counts(limiter, &format!("ready {number}")).await {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn limits_and_caches_are_shared_on_a_cluster_and_come_back_with_its_node() {
    let Some(mut cluster) = RedisCluster::start(&test_name()).await else {
        return;
    };
    let ran = RanOn::begins(&cluster.version(), "what is shared");
    let urls = cluster.urls();
    let (one, other) = (limits(&urls, None), limits(&urls, None));
    let ready = async || counts_everywhere(&one).await;
    until("each node takes keys", ready).await;
    limiter::run(&Limiters {
        one: Arc::clone(&one),
        other,
    })
    .await;
    let (kept, elsewhere) = (cached(&urls, None), cached(&urls, None));
    cache::run(&Caches {
        one: Arc::clone(&kept),
        other: elsewhere,
    })
    .await;

    let item = Item::post("open", PostId(system_env().new_id()));
    for node in 0..3 {
        cluster.kill(node).await;
    }
    assert!(!counts(&one, "ada").await && kept.get(&item).await.is_err());
    for node in 0..3 {
        cluster.start_again(node).await;
    }
    until("it counts again", ready).await;
    let back = async || kept.get(&item).await.is_ok();
    until("the cache is back", back).await;
    ran.passed();
}

#[tokio::test]
async fn limits_and_caches_are_shared_on_a_cluster_with_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(cluster) = RedisCluster::with_tls(&test_name()).await else {
        return;
    };
    let ran = RanOn::begins(&cluster.version(), "what is shared");
    let (urls, ca) = (cluster.urls(), cluster.authority());
    let (one, other) = (limits(&urls, ca), limits(&urls, ca));
    until("each node takes keys", async || {
        counts_everywhere(&one).await
    })
    .await;
    limiter::run(&Limiters { one, other }).await;
    let (one, other) = (cached(&urls, ca), cached(&urls, ca));
    cache::run(&Caches { one, other }).await;
    assert!(!counts(&limits(&urls, None), "ada").await);
    ran.passed();
}
