//! The keys that verify tokens at the edge, while the origin cannot be asked for them.

use sluicegate_tests::client::Client;
use sluicegate_tests::platform::{Options, Platform};

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
    let keys = client.get("/.well-known/jwks.json").await.unwrap();
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
        edge.stop(sluicegate_tests::platform::STOP_LIMIT)
            .await
            .unwrap();
    }
    platform.stop().await.unwrap();
}
