//! The keys that verify tokens at the edge, while the origin cannot be asked for them.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sluicegate_tests::answers::Answers;
use sluicegate_tests::client::Client;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::wait_for;

const JWKS: &str = "/.well-known/jwks.json";
const LIMIT: Duration = Duration::from_mins(1);
/// So long after it got keys an edge takes them for all that there are.
const COOLDOWN: Duration = Duration::from_secs(10);
/// Each instance has keys of its own; requests one after the other need one, or a few where they come too quickly.
const INSTANCES: usize = 4;

/// A token whose last character is another.
fn tampered(token: &str) -> String {
    let (head, last) = token.split_at(token.len() - 4);
    let other = if last == "AAAA" { "BBBB" } else { "AAAA" };
    format!("{head}{other}")
}

#[tokio::test]
async fn an_edge_that_starts_while_the_origin_is_down_verifies_with_base_keys() {
    let mut platform = Platform::start(Options::default()).await.unwrap();
    let (client, session) = platform
        .client()
        .unwrap()
        .sign_up("keyholder")
        .await
        .unwrap();
    let keys = client.get(JWKS).await.unwrap();
    keys.expect_status(200).unwrap();
    let keys = keys.text();
    let bad = tampered(&session.access_token);
    platform.kill_origin().unwrap();

    let origin = platform.origin_url.clone();
    let (without, url) = platform.start_edge_with(&origin, &[]).await.unwrap();
    let stranger = Client::new(&url).unwrap();
    for token in [&session.access_token, &bad] {
        let answer = stranger.with_token(Some(token)).get("/v1/me").await;
        let answer = answer.unwrap();
        answer.expect_problem(503, "unavailable").unwrap();
        assert!(answer.text().contains("verified"), "{}", answer.text());
    }

    let variables = [("jwt_keys", keys.as_str())];
    let (with, url) = platform.start_edge_with(&origin, &variables).await.unwrap();
    let edge = Client::new(&url).unwrap();
    let refused = edge.with_token(Some(&bad)).get("/v1/me").await.unwrap();
    refused.expect_problem(401, "unauthorized").unwrap();
    let owner = edge.with_token(Some(&session.access_token));
    let passed_on = owner.get("/v1/me").await.unwrap();
    assert!(passed_on.status.is_server_error(), "{}", passed_on.text());
    assert!(
        !passed_on.text().contains("verified"),
        "the token was good, the origin is away: {}",
        passed_on.text()
    );

    platform.restart_origin().await.unwrap();
    let me = owner.get("/v1/me").await.unwrap();
    me.expect_status(200).unwrap();
    for edge in [without, with] {
        edge.stop(STOP_LIMIT).await.unwrap();
    }
    platform.stop().await.unwrap();
}

/// The token as if another key had signed it, of which nobody knows.
fn signed_by(kid: &str, token: &str) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    let head = format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}"}}"#);
    format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(head))
}

#[tokio::test]
async fn tokens_of_unknown_keys_do_not_make_the_edge_ask_each_time() {
    let platform = Platform::start(Options::default()).await.unwrap();
    let client = platform.client().unwrap();
    let (_, session) = client.sign_up("stranger").await.unwrap();
    let origin = Answers::start(&platform.origin_url).await.unwrap();
    let (edge, url) = platform.start_edge_with(&origin.url, &[]).await.unwrap();
    let stranger = Client::new(&url).unwrap();
    let owner = stranger.with_token(Some(&session.access_token));
    owner.me().await.unwrap();
    let known = origin.asked(JWKS);
    assert!(known > 0, "the edge has its keys from the origin");

    let (began, mut sent) = (Instant::now(), 0);
    wait_for("the edge to ask for a key", LIMIT, async || {
        sent += 1;
        let token = signed_by(&format!("nobody-{sent}"), &session.access_token);
        let refused = stranger.with_token(Some(&token)).get("/v1/me").await?;
        refused.expect_problem(401, "unauthorized")?;
        Ok((origin.asked(JWKS) > known && sent > 50).then_some(()))
    })
    .await
    .unwrap();
    let times = 1 + usize::try_from(began.elapsed().as_secs() / COOLDOWN.as_secs()).unwrap();
    let asked = origin.asked(JWKS) - known;
    assert!(asked <= INSTANCES * times, "{asked} for {sent} tokens");
    owner.me().await.unwrap();
    edge.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}
