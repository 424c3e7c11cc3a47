//! Whose word on a client's address is taken.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::ConnectInfo;
use serde_json::json;
use sluicegate_api::{ApiConfig, AttemptLimits, EdgeKey};
use sluicegate_contract::proxies::{ForwardedHeader, Proxies};

use crate::support::{World, call};

/// One attempt an address, so that the second from an address shows that it was known.
fn one_an_address(config: &mut ApiConfig) {
    config.attempts = AttemptLimits {
        log_ins_by_address: 1,
        ..AttemptLimits::default()
    };
}

fn behind_proxies(config: &mut ApiConfig, header: ForwardedHeader) {
    one_an_address(config);
    config.proxies = Proxies {
        trusted: vec!["10.0.0.0/8".parse().unwrap()],
        header,
    };
}

/// The status of a log-in over a connection from `peer`.
async fn attempt(origin: &Router, peer: &str, headers: &[(&str, &str)]) -> u16 {
    let peer: SocketAddr = format!("{peer}:4711").parse().unwrap();
    let origin = origin.clone().layer(axum::Extension(ConnectInfo(peer)));
    let request = json!({ "handle": "nobody", "password": "wrong horse" });
    let call = headers
        .iter()
        .fold(call("POST", "/v1/sessions"), |call, (name, value)| {
            call.header(*name, value)
        });
    call.json(&request).send(&origin).await.status.as_u16()
}

#[tokio::test]
async fn an_edge_is_believed_only_beside_its_key() {
    let world = World::with(|config| {
        config.edge_key = Some(EdgeKey::new("the edge key"));
        one_an_address(config);
    })
    .await;
    let attempt = async |key: &str, address: &str| {
        let headers = [
            ("sluicegate-edge-key", key),
            ("sluicegate-client-address", address),
            ("x-forwarded-for", "198.51.100.77"),
        ];
        attempt(&world.origin, "192.0.2.1", &headers).await
    };
    assert_eq!(attempt("the edge key", "198.51.100.1").await, 401);
    assert_eq!(attempt("the edge key", "198.51.100.1").await, 429);
    assert_eq!(attempt("the edge key", "198.51.100.2").await, 401);
    assert_eq!(
        attempt("a guess", "198.51.100.3").await,
        401,
        "counted for the peer"
    );
    assert_eq!(
        attempt("a guess", "198.51.100.4").await,
        429,
        "the same peer"
    );
}

#[tokio::test]
async fn an_edge_that_names_nobody_is_not_taken_for_its_clients() {
    let world = World::with(|config| {
        config.edge_key = Some(EdgeKey::new("the edge key"));
        one_an_address(config);
    })
    .await;
    for _ in 0..3 {
        let headers = [("sluicegate-edge-key", "the edge key")];
        assert_eq!(attempt(&world.origin, "192.0.2.1", &headers).await, 401);
    }
}

#[tokio::test]
async fn who_is_no_proxy_cannot_choose_an_address() {
    let world = World::with(|config| behind_proxies(config, ForwardedHeader::XForwardedFor)).await;
    for (number, expected) in [(1, 401), (2, 429), (3, 429)] {
        let forged = format!("198.51.100.{number}");
        let headers = [
            ("x-forwarded-for", forged.as_str()),
            ("forwarded", "for=1.2.3.4"),
        ];
        let status = attempt(&world.origin, "192.0.2.1", &headers).await;
        assert_eq!(status, expected, "{forged}");
    }
}

#[tokio::test]
async fn behind_a_proxy_only_its_own_word_counts() {
    let world = World::with(|config| behind_proxies(config, ForwardedHeader::XForwardedFor)).await;
    let attempt = async |list: &str| {
        let headers = [("x-forwarded-for", list), ("forwarded", "for=1.2.3.4")];
        attempt(&world.origin, "10.0.0.1", &headers).await
    };
    assert_eq!(attempt("198.51.100.1").await, 401);
    assert_eq!(
        attempt("6.6.6.6, 198.51.100.1").await,
        429,
        "forged before it"
    );
    assert_eq!(attempt("10.7.7.7, 198.51.100.1, 10.0.0.2").await, 429);
    assert_eq!(
        attempt("198.51.100.1, 198.51.100.2").await,
        401,
        "another client"
    );
    assert_eq!(attempt("nonsense").await, 401, "counted for the proxy");
    assert_eq!(attempt("other nonsense").await, 429);
}

#[tokio::test]
async fn forwarded_is_read_where_that_is_what_proxies_write() {
    let world = World::with(|config| behind_proxies(config, ForwardedHeader::Forwarded)).await;
    let attempt = async |list: &str| {
        let headers = [("forwarded", list), ("x-forwarded-for", "6.6.6.6")];
        attempt(&world.origin, "10.0.0.1", &headers).await
    };
    assert_eq!(attempt("for=\"[2001:db8::1]:80\";proto=https").await, 401);
    assert_eq!(
        attempt("for=7.7.7.7, for=\"[2001:db8::2]\"").await,
        429,
        "one network"
    );
    assert_eq!(attempt("for=198.51.100.2").await, 401);
}
