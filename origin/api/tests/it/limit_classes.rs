//! Kinds of requests that have a bucket of their own, and tokens of sessions that are over.

use serde_json::json;
use sluicegate_api::router;
use sluicegate_core::limits::RequestLimits;

use crate::limits::{KEY, a_minute, world};
use crate::support::{Answer, World, call};

const NOWHERE: &str = "0198a1b2-0000-7000-8000-000000000000";

async fn ask(world: &World, asked: &str, address: &str, token: Option<&str>) -> Answer {
    let (method, path) = asked.split_once(' ').unwrap();
    let call = call(method, path)
        .header("sluicegate-edge-key", KEY)
        .header("sluicegate-client-address", address)
        .json(&json!({}));
    let call = match token {
        Some(token) => call.token(token),
        None => call,
    };
    call.send(&world.origin).await
}

/// Each class with its limit, what belongs to it, and what does not.
#[tokio::test]
async fn each_class_has_its_own_bucket() {
    let id = |path: &str| path.replace("{id}", NOWHERE);
    let with = |set: fn(&mut RequestLimits)| {
        let mut limits = RequestLimits::NONE;
        set(&mut limits);
        limits
    };
    let cases = [
        (
            "uploads-by-account",
            with(|limits| limits.account_uploads = a_minute(3)),
            vec![
                "POST /v1/upload-tickets",
                "POST /edge/v1/upload-tickets",
                "POST /v1/uploads/{id}/complete",
            ],
            "POST /v1/posts",
        ),
        (
            "posts-by-account",
            with(|limits| limits.account_posts = a_minute(2)),
            vec!["POST /v1/posts", "DELETE /v1/posts/{id}"],
            "DELETE /v1/uploads/{id}",
        ),
        (
            "lists-by-account",
            with(|limits| limits.account_lists = a_minute(2)),
            vec!["GET /v1/posts", "HEAD /v1/profiles/ada/posts"],
            "GET /v1/profiles/ada",
        ),
        (
            "lists-by-address",
            with(|limits| limits.address_lists = a_minute(2)),
            vec!["GET /v1/posts", "GET /v1/profiles/ada/posts"],
            "GET /v1/profiles/ada",
        ),
        (
            "log-ins-by-address",
            with(|limits| limits.address_log_ins = a_minute(2)),
            vec!["POST /v1/accounts", "POST /v1/sessions"],
            "POST /v1/sessions/refresh",
        ),
    ];
    for (name, limits, routes, another) in cases {
        let world = world(limits).await;
        let ada = world.sign_up("ada").await;
        let token = name.ends_with("account").then_some(ada.access.as_str());
        let from = "198.51.100.1";
        for route in &routes {
            let answer = ask(&world, &id(route), from, token).await;
            assert_ne!(answer.status, 429, "{name}: {route}");
        }
        for route in &routes {
            let refused = ask(&world, &id(route), from, token).await;
            assert_eq!(refused.status, 429, "{name}: {route}");
            let policy = refused.header("ratelimit-policy");
            assert!(policy.starts_with(&format!("\"{name}\";q=")), "{policy}");
        }
        let answer = ask(&world, &id(another), from, token).await;
        assert_ne!(answer.status, 429, "{name}: {another}");
    }
}

#[tokio::test]
async fn a_class_without_a_limit_is_counted_with_all_others() {
    let world = world(RequestLimits {
        address_reads: a_minute(2),
        ..RequestLimits::NONE
    })
    .await;
    let from = "198.51.100.1";
    for path in ["GET /v1/posts", "GET /v1/profiles/ada"] {
        assert_ne!(ask(&world, path, from, None).await.status, 429);
    }
    let refused = ask(&world, "GET /v1/posts", from, None).await;
    assert!(
        refused
            .header("ratelimit-policy")
            .starts_with("\"reads-by-address\"")
    );
}

#[tokio::test]
async fn who_logs_in_is_counted_by_address_whatever_token_they_show() {
    let world = world(RequestLimits {
        address_log_ins: a_minute(1),
        ..RequestLimits::NONE
    })
    .await;
    let ada = world.sign_up("ada").await;
    let from = "198.51.100.1";
    let first = ask(&world, "POST /v1/sessions", from, None).await;
    assert_ne!(first.status, 429);
    let again = ask(&world, "POST /v1/sessions", from, Some(&ada.access)).await;
    assert_eq!(again.status, 429);
}

#[tokio::test]
async fn a_session_that_is_over_does_not_use_up_what_its_owner_may_ask() {
    let world = world(RequestLimits {
        account_reads: a_minute(5),
        address_reads: a_minute(3),
        ..RequestLimits::NONE
    })
    .await;
    let (lost, stolen) = (world.sign_up("ada").await, world.log_in("ada").await);
    let ada = world.log_in("ada").await;
    let out = "DELETE /v1/sessions/current";
    let answer = ask(&world, out, "198.51.100.1", Some(&lost.access)).await;
    assert_eq!(answer.status, 204);
    // They are strangers at their address.
    for status in [401, 401, 401, 429, 429] {
        let answer = ask(&world, "GET /v1/me", "198.51.100.9", Some(&lost.access)).await;
        assert_eq!(answer.status, status);
    }
    // Where that is not known, they have a bucket of the session's own.
    for status in [401, 401, 401, 401, 401, 429] {
        let answer = ask(&world, "GET /v1/me", "", Some(&lost.access)).await;
        assert_eq!(answer.status, status);
    }
    // One that another origin ended is found out about.
    let other = call("DELETE", "/v1/sessions/current").token(&stolen.access);
    let answer = other.send(&router(world.state.clone())).await;
    assert_eq!(answer.status, 204);
    for status in [401, 401, 401, 401, 429, 429] {
        let answer = ask(&world, "GET /v1/me", "198.51.100.8", Some(&stolen.access)).await;
        assert_eq!(answer.status, status);
    }
    for status in [200, 200, 200, 200, 429] {
        let answer = ask(&world, "GET /v1/me", "198.51.100.1", Some(&ada.access)).await;
        assert_eq!(answer.status, status);
    }
}
