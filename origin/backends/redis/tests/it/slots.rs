//! A cluster whose slots move, and one of whose nodes says nothing.

use std::time::Duration;

use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::RedisCluster;
use sluicegate_core::ports::RequestLimiter;
use sluicegate_core::rate::Rate;
use sluicegate_redis::{Patience, RedisLimiter};
use tokio::net::TcpListener;

use crate::support::{PATIENT, ask, shared, test_name, until};

const RATE: fn() -> Rate = || Rate::new(1_000, Duration::from_hours(1));

/// So many keys that each node has some.
async fn counts_everywhere(limiter: &RedisLimiter) -> bool {
    for number in 0..30 {
        let key = format!("ready {number}");
        if limiter.admit(&key, &RATE()).await.is_err() {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn a_slot_that_moves_is_followed() {
    let Some(cluster) = RedisCluster::start(&test_name()).await else {
        return;
    };
    let ran = RanOn::begins(&cluster.version(), "slots that move");
    let patience = Patience {
        pause: Duration::from_mins(1),
        ..PATIENT
    };
    let warm = RedisLimiter::new(shared(&cluster.urls(), None, PATIENT));
    until("each node takes keys", async || {
        counts_everywhere(&warm).await
    })
    .await;
    let limiter = RedisLimiter::new(shared(&cluster.urls(), None, patience));
    assert!(counts_everywhere(&limiter).await);

    let key = "sluicegate:limit:moving";
    let ports: Vec<u16> = cluster.ports().collect();
    let mut from = None;
    for &port in &ports {
        if ask(port, &["GET", key]).await.is_ok() {
            from = Some(port);
        }
    }
    let from = from.expect("somebody has it");
    let to = ports.into_iter().find(|&port| port != from).unwrap();
    let slot = ask(from, &["CLUSTER", "KEYSLOT", key]).await.unwrap();
    let (source, target) = (
        ask(from, &["CLUSTER", "MYID"]).await.unwrap(),
        ask(to, &["CLUSTER", "MYID"]).await.unwrap(),
    );
    let set = async |port, state: &str, node: &str| {
        let words = ["CLUSTER", "SETSLOT", &slot, state, node];
        ask(port, &words).await.unwrap();
    };
    set(to, "IMPORTING", &source).await;
    set(from, "MIGRATING", &target).await;
    // The source says ASK, for it has no such key.
    assert_eq!(limiter.admit("moving", &RATE()).await.unwrap().left, 999);
    set(to, "NODE", &target).await;
    set(from, "NODE", &target).await;
    // And now MOVED.
    let moved = ask(from, &["GET", key]).await.unwrap_err();
    assert_eq!(moved.code(), Some("MOVED"), "{moved}");
    assert_eq!(limiter.admit("moving", &RATE()).await.unwrap().left, 998);
    ran.passed();
}

#[tokio::test]
async fn a_node_that_says_nothing_keeps_nobody_from_the_others() {
    let Some(cluster) = RedisCluster::start(&test_name()).await else {
        return;
    };
    let ran = RanOn::begins(&cluster.version(), "a silent seed");
    // Takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut urls: Vec<String> = cluster
        .ports()
        .take(2)
        .map(|port| format!("redis://127.0.0.1:{port}"))
        .collect();
    urls.insert(1, format!("redis://{}", silent.local_addr().unwrap()));
    let patience = Patience {
        call: Duration::from_millis(250),
        node: Duration::from_secs(1),
        ..PATIENT
    };
    let limiter = RedisLimiter::new(shared(&urls.join(","), None, patience));
    let early = limiter.admit("ada", &RATE()).await.unwrap_err();
    assert!(early.to_string().contains("not connected yet"), "{early}");
    until("the others are used", async || {
        counts_everywhere(&limiter).await
    })
    .await;
    drop(silent);
    ran.passed();
}
