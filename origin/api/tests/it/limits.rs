//! How fast clients may ask.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::ConnectInfo;
use serde_json::json;
use sluicegate_api::{ApiConfig, EdgeKey, router};
use sluicegate_core::error::PortError;
use sluicegate_core::limits::RequestLimits;
use sluicegate_core::ports::RequestLimiter;
use sluicegate_core::rate::{Rate, Standing};

use crate::support::{World, call};

pub(crate) const KEY: &str = "the edge key";

#[expect(clippy::unnecessary_wraps, reason = "as limits are set")]
pub(crate) fn a_minute(requests: u32) -> Option<Rate> {
    Some(Rate::new(requests, Duration::from_mins(1)))
}

pub(crate) async fn world(limits: RequestLimits) -> World {
    World::with(|config: &mut ApiConfig| {
        config.edge_key = Some(EdgeKey::new(KEY));
        config.limits.requests = limits;
    })
    .await
}

/// The status of a read by a client there, with this token.
async fn read_from(origin: &Router, address: &str, token: Option<&str>) -> u16 {
    let call = call("GET", "/v1/posts")
        .header("sluicegate-edge-key", KEY)
        .header("sluicegate-client-address", address);
    let call = match token {
        Some(token) => call.token(token),
        None => call,
    };
    call.send(origin).await.status.as_u16()
}

#[tokio::test]
async fn an_account_is_counted_wherever_it_is() {
    let world = world(RequestLimits {
        account_reads: a_minute(2),
        account_writes: a_minute(1),
        ..RequestLimits::NONE
    })
    .await;
    let (ada, grace) = (world.sign_up("ada").await, world.sign_up("grace").await);
    for address in ["198.51.100.1", "198.51.100.2"] {
        let status = read_from(&world.origin, address, Some(&ada.access)).await;
        assert_eq!(status, 200);
    }
    let refused = world.get(&ada, "/v1/me").await;
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(
        refused.header("ratelimit"),
        r#""reads-by-account";r=0;t=30"#
    );
    assert_eq!(
        refused.header("ratelimit-policy"),
        r#""reads-by-account";q=2;qu="requests";w=60"#
    );
    let problem = refused.problem(429, "too-many-requests");
    assert_eq!(problem["retry_after"], 30);
    assert_eq!(problem["quota"], "reads-by-account");
    assert_eq!(problem["limit"], 2);

    // Neither others, nor what it changes, nor the others at its address.
    world.get(&grace, "/v1/me").await.expect(200);
    let post = || {
        let call = call("POST", "/v1/posts").token(&ada.access);
        call.json(&json!({ "body": "slowly" }))
    };
    post().send(&world.origin).await.expect(201);
    let refused = post().send(&world.origin).await;
    let problem = refused.problem(429, "too-many-requests");
    assert_eq!(problem["quota"], "writes-by-account");
    assert_eq!(read_from(&world.origin, "198.51.100.1", None).await, 200);

    // Who waits as long as told goes on.
    world.clock.advance(Duration::from_secs(30));
    world.get(&ada, "/v1/me").await.expect(200);
}

#[tokio::test]
async fn who_shows_no_good_token_is_counted_by_address() {
    let world = world(RequestLimits {
        address_reads: a_minute(2),
        ..RequestLimits::NONE
    })
    .await;
    let origin = &world.origin;
    assert_eq!(read_from(origin, "198.51.100.1", None).await, 200);
    assert_eq!(
        read_from(origin, "198.51.100.1", Some("no token")).await,
        200
    );
    assert_eq!(read_from(origin, "198.51.100.1", None).await, 429);
    assert_eq!(
        read_from(origin, "198.51.100.1", Some("another")).await,
        429
    );
    assert_eq!(read_from(origin, "198.51.100.2", None).await, 200);
    // A host chooses among the addresses of its network.
    for address in ["2001:db8::1", "2001:db8::2"] {
        assert_eq!(read_from(origin, address, None).await, 200);
    }
    assert_eq!(read_from(origin, "2001:db8::3", None).await, 429);
    // One with an account is no stranger, and has no limit here.
    let ada = world.sign_up("ada").await;
    for _ in 0..3 {
        let status = read_from(origin, "198.51.100.1", Some(&ada.access)).await;
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn an_address_that_is_nobodys_own_is_not_counted() {
    let world = world(RequestLimits {
        address_reads: a_minute(1),
        ..RequestLimits::NONE
    })
    .await;
    for _ in 0..3 {
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(read_from(&world.origin, address, None).await, 200);
        }
        // An edge that does not say.
        assert_eq!(read_from(&world.origin, "", None).await, 200);
    }
    // Without a key the peer may be an edge that all clients share.
    let open = World::with(|config| config.limits.requests.address_reads = a_minute(1)).await;
    let peer: SocketAddr = "192.0.2.1:4711".parse().unwrap();
    let origin = open
        .origin
        .clone()
        .layer(axum::Extension(ConnectInfo(peer)));
    for _ in 0..3 {
        call("GET", "/v1/posts").send(&origin).await.expect(200);
    }
}

#[tokio::test]
async fn what_programs_around_us_ask_is_not_counted() {
    let world = world(RequestLimits {
        address_reads: a_minute(1),
        ..RequestLimits::NONE
    })
    .await;
    let from = "198.51.100.1";
    assert_eq!(read_from(&world.origin, from, None).await, 200);
    assert_eq!(read_from(&world.origin, from, None).await, 429);
    for path in [
        "/livez",
        "/readyz",
        "/.well-known/jwks.json",
        "/problems",
        "/problems/too-many-requests",
        "/openapi.json",
        "/docs",
        "/edge/v1/media/0198a1b2-0000-7000-8000-000000000000.webp",
    ] {
        let call = call("GET", path)
            .header("sluicegate-edge-key", KEY)
            .header("sluicegate-client-address", from);
        let status = call.send(&world.origin).await.status;
        assert_ne!(status, 429, "{path}");
    }
    // What is nowhere counts: somebody is looking around.
    let call = call("GET", "/v1/nothing")
        .header("sluicegate-edge-key", KEY)
        .header("sluicegate-client-address", from);
    let answer = call.send(&world.origin).await;
    answer.problem(429, "too-many-requests");
}

/// Cannot count.
struct Broken;

#[async_trait]
impl RequestLimiter for Broken {
    async fn admit(&self, _: &str, _: &Rate) -> Result<Standing, PortError> {
        Err(PortError::unavailable("limits", "nobody there"))
    }
}

#[tokio::test]
async fn nobody_is_kept_out_because_nobody_can_count() {
    let world = World::with(|config| config.limits.requests.account_reads = a_minute(1)).await;
    let ada = world.sign_up("ada").await;
    let mut state = world.state.clone();
    state.limiter = Arc::new(Broken);
    let origin = router(state);
    for _ in 0..3 {
        let call = call("GET", "/v1/me").token(&ada.access);
        call.send(&origin).await.expect(200);
    }
}
