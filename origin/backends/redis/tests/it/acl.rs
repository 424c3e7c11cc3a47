//! As the user with few rights that the operators' guide shows.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_conformance::cache::{self, Caches, keeps_nothing_until_it_settles};
use sluicegate_conformance::limiter::{self, Limiters};
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{RedisCluster, RedisServer};
use sluicegate_core::ports::{PublicCache, RequestLimiter};
use sluicegate_core::rate::Rate;
use sluicegate_local::system_env;
use sluicegate_redis::{RedisCache, RedisLimiter};

use crate::support::{PATIENT, ask, shared, test_name, until};

const GUIDE: &str = include_str!("../../../../../docs/operations/redis.md");
const USER: &str = "sluicegate-shared";

/// What is asked of a server so that it has the user.
fn documented() -> Vec<&'static str> {
    let start = format!("user {USER} ");
    let line = GUIDE.lines().find(|line| line.starts_with(&start));
    let rules = line.expect("the guide shows it").split(' ').skip(1);
    ["ACL", "SETUSER"].into_iter().chain(rules).collect()
}

/// The address for that user, who is made there.
async fn as_user(ports: &[u16]) -> String {
    let words = documented();
    let password = words.iter().find_map(|word| word.strip_prefix('>'));
    let password = password.expect("a password");
    let mut urls = Vec::new();
    for &port in ports {
        ask(port, &words).await.unwrap();
        urls.push(format!("redis://{USER}:{password}@127.0.0.1:{port}"));
    }
    urls.join(",")
}

async fn all_suites_pass(ports: &[u16]) {
    let url = as_user(ports).await;
    let limiter = || Arc::new(RedisLimiter::new(shared(&url, None, PATIENT)));
    let (one, other) = (limiter(), limiter());
    until("it counts everywhere", async || {
        for number in 0..30 {
            let rate = Rate::new(1_000, Duration::from_hours(1));
            if one.admit(&format!("ready {number}"), &rate).await.is_err() {
                return false;
            }
        }
        true
    })
    .await;
    limiter::run(&Limiters { one, other }).await;

    let cache = |settles| -> Arc<dyn PublicCache> {
        let redis = shared(&url, None, PATIENT);
        Arc::new(RedisCache::new(redis, system_env(), settles))
    };
    cache::run(&Caches {
        one: cache(Duration::ZERO),
        other: cache(Duration::ZERO),
    })
    .await;
    let settles = Duration::from_millis(300);
    keeps_nothing_until_it_settles(&cache(settles), settles).await;
    shared(&url, None, PATIENT).ping().await.unwrap();

    for &port in ports {
        // Nothing was refused but what a newer server is asked by the way.
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut log = redis::cmd("ACL");
        let mut log: Vec<redis::Value> = log.arg("LOG").query_async(&mut connection).await.unwrap();
        log.retain(|entry| !format!("{entry:?}").contains("client|setinfo"));
        assert!(log.is_empty(), "{log:?}");
    }
}

#[tokio::test]
async fn the_documented_rights_are_enough() {
    let Some(redis) = RedisServer::start(&[], &test_name()).await else {
        return;
    };
    let ran = RanOn::begins(&redis.version(), "what is shared, with few rights");
    all_suites_pass(&[redis.port()]).await;

    // And they are no more: what is not ours stays so.
    let url = as_user(&[redis.port()]).await;
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for words in [["GET", "bull:meta"], ["KEYS", "*"], ["FLUSHALL", "ASYNC"]] {
        let mut command = redis::cmd(words[0]);
        let refused = command.arg(words[1]).exec_async(&mut connection).await;
        assert!(refused.is_err(), "{words:?}");
    }
    ran.passed();
}

#[tokio::test]
async fn the_documented_rights_are_enough_for_a_cluster() {
    let Some(cluster) = RedisCluster::start(&test_name()).await else {
        return;
    };
    let ran = RanOn::begins(&cluster.version(), "what is shared, with few rights");
    let ports: Vec<u16> = cluster.ports().collect();
    all_suites_pass(&ports).await;
    ran.passed();
}
