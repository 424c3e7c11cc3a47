//! The rotation of signing keys, as edges and clients see it.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use sluicegate_contract::accounts::Session;
use sluicegate_tests::client::Client;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::wait_for;

const LIMIT: Duration = Duration::from_secs(30);
/// An edge that was told of all keys asks again for one that it does not know after 10 s. Usually it has a quarter
/// of an hour for that.
const EDGE_ASKS_AGAIN: Duration = Duration::from_secs(11);

/// The key that signed a token.
fn signer(token: &str) -> String {
    let head = token.split('.').next().unwrap();
    let head = BASE64_URL_SAFE_NO_PAD.decode(head).unwrap();
    let head: Value = serde_json::from_slice(&head).unwrap();
    head["kid"].as_str().unwrap().to_owned()
}

/// Rotates as if that had been so long ago, and waits until the origin publishes what `wanted` accepts.
async fn rotated(platform: &Platform, ago_minutes: &str, wanted: impl Fn(&[String]) -> bool) {
    let rotate = ["keys", "rotate", "--ago-minutes", ago_minutes];
    let said = platform.command(&rotate).await.unwrap();
    let added = said.iter().any(|line| line.contains("is published now"));
    assert!(added, "no key was added: {said:?}");
    let origin = platform.origin_client().unwrap();
    wait_for("the keys to be published", LIMIT, async || {
        let jwks = origin.get("/.well-known/jwks.json").await?;
        let jwks: Value = jwks.expect(200)?;
        let keys: Vec<String> = jwks["keys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|key| Some(key["kid"].as_str()?.to_owned()))
            .collect();
        Ok(wanted(&keys).then_some(()))
    })
    .await
    .unwrap();
}

async fn refresh(client: &Client, session: &Session) -> Session {
    let body = json!({"refresh_token": session.refresh_token});
    let answer = client.send(Method::POST, "/v1/sessions/refresh", &body);
    answer.await.unwrap().expect(200).unwrap()
}

/// Both components verify tokens, each with keys that it got itself.
async fn is_let_in(client: &Client) {
    client.me().await.unwrap();
    let photo = fixtures::read("photo.webp").unwrap();
    client.upload_ok("avatar", photo).await.unwrap();
}

async fn is_refused(client: &Client) {
    let me = client.get("/v1/me").await.unwrap();
    me.expect_problem(401, "unauthorized").unwrap();
    let photo = fixtures::read("photo.webp").unwrap();
    let upload = client.upload("avatar", photo).await.unwrap();
    upload.expect_problem(401, "unauthorized").unwrap();
}

#[tokio::test]
async fn nobody_is_logged_out_and_the_old_key_ends() {
    // The first key has signed for hours.
    let platform = Platform::start(Options {
        before: vec!["keys", "rotate", "--ago-minutes", "120"],
        ..Options::default()
    })
    .await
    .unwrap();
    let stranger = platform.client().unwrap();
    let (before, session) = stranger.sign_up("rotation").await.unwrap();
    let old = signer(&session.access_token);
    is_let_in(&before).await;
    let edge_has_old_keys = Instant::now();

    // The second signs from now on.
    rotated(&platform, "15", |keys| keys.len() == 2).await;
    is_let_in(&before).await;
    let session = refresh(&stranger, &session).await;
    let new = signer(&session.access_token);
    assert_ne!(new, old);
    wait_for("edges to ask again", LIMIT, async || {
        Ok((edge_has_old_keys.elapsed() > EDGE_ASKS_AGAIN).then_some(()))
    })
    .await
    .unwrap();
    let after = before.with_token(Some(&session.access_token));
    is_let_in(&after).await;
    is_let_in(&before).await;

    // One between the two, so long ago that nothing which the first signed is good any more.
    rotated(&platform, "60", |keys| !keys.contains(&old)).await;
    is_refused(&before).await;
    let (edge, url) = platform
        .start_another_edge(&platform.origin_url)
        .await
        .unwrap();
    is_refused(&before.at(&url)).await;
    for client in [&after, &after.at(&url)] {
        is_let_in(client).await;
    }
    let session = refresh(&stranger, &session).await;
    assert_eq!(signer(&session.access_token), new);
    is_let_in(&after.with_token(Some(&session.access_token))).await;
    edge.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}
