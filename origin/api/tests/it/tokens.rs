use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{
    Claims, Ed25519KeyPair, EdDSAKeyPairLike, HS256Key, JWTClaims, MACLike, UnixTimeStamp,
};
use serde_json::{Value, json};
use sluicegate_api::JwtSecret;
use sluicegate_contract::ids::SessionId;
use sluicegate_contract::token::{Role, TokenClaims};

use crate::support::{Person, World, call};

const SECRET: &str = "a secret of more than 32 bytes, for tests";

async fn with_secret() -> World {
    World::with(|config| config.jwt_secret = Some(JwtSecret::new(SECRET).unwrap())).await
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The claims of a good token, to be changed.
fn claims_of(person: &Person) -> JWTClaims<TokenClaims> {
    let good = part(&person.access, 1);
    let session: SessionId = good["sid"].as_str().unwrap().parse().unwrap();
    let time = |name: &str| Some(UnixTimeStamp::from_secs(good[name].as_u64().unwrap()));
    let custom = TokenClaims {
        sid: session,
        role: Role::User,
    };
    let mut claims =
        Claims::with_custom_claims(custom, jwt_simple::prelude::Duration::from_secs(1));
    claims.issued_at = time("iat");
    claims.expires_at = time("exp");
    claims.invalid_before = None;
    claims
        .with_issuer("sluicegate")
        .with_audience("sluicegate")
        .with_subject(&person.id)
}

async fn refused(world: &World, token: &str) {
    let answer = call("GET", "/v1/me").token(token).send(&world.origin).await;
    assert!(answer.header("www-authenticate").contains("invalid_token"));
    answer.problem(401, "unauthorized");
}

async fn accepted(world: &World, token: &str) {
    call("GET", "/v1/me")
        .token(token)
        .send(&world.origin)
        .await
        .expect(200);
}

#[tokio::test]
async fn no_token_is_refused() {
    let world = World::new().await;
    for call in [
        call("GET", "/v1/me"),
        call("GET", "/v1/me").header("authorization", "Basic YTpi"),
        call("GET", "/v1/me").header("authorization", "Bearer"),
    ] {
        call.send(&world.origin).await.problem(401, "unauthorized");
    }
    refused(&world, "nonsense").await;
    refused(&world, &"x".repeat(5_000)).await;
}

#[tokio::test]
async fn with_a_secret_the_right_claims_pass_and_others_do_not() {
    let world = with_secret().await;
    let ada = world.sign_up("ada").await;
    assert_eq!(part(&ada.access, 0)["alg"], "HS256");
    let key = HS256Key::from_bytes(SECRET.as_bytes());
    accepted(&world, &key.authenticate(claims_of(&ada)).unwrap()).await;

    let changes: [fn(&mut JWTClaims<TokenClaims>); 6] = [
        |claims| claims.issuer = Some("another".to_owned()),
        |claims| claims.issuer = None,
        |claims| claims.audiences = None,
        |claims| claims.expires_at = None,
        |claims| claims.issued_at = None,
        |claims| claims.subject = Some("nobody".to_owned()),
    ];
    for change in changes {
        let mut claims = claims_of(&ada);
        change(&mut claims);
        refused(&world, &key.authenticate(claims).unwrap()).await;
    }
    let wrong = HS256Key::from_bytes(b"another secret of more than 32 bytes");
    refused(&world, &wrong.authenticate(claims_of(&ada)).unwrap()).await;
}

#[tokio::test]
async fn tokens_expire_after_15_minutes_and_a_minute_of_skew() {
    for world in [with_secret().await, World::new().await] {
        let ada = world.sign_up("ada").await;
        world.clock.advance(Duration::from_secs(15 * 60 + 55));
        accepted(&world, &ada.access).await;
        world.clock.advance(Duration::from_secs(10));
        refused(&world, &ada.access).await;
    }
}

#[tokio::test]
async fn a_token_of_an_origin_whose_clock_is_ahead_passes() {
    let world = with_secret().await;
    let ada = world.sign_up("ada").await;
    let mut claims = claims_of(&ada);
    let ahead = |time: UnixTimeStamp| time + jwt_simple::prelude::Duration::from_mins(2);
    claims.issued_at = claims.issued_at.map(ahead);
    claims.expires_at = claims.expires_at.map(ahead);
    let key = HS256Key::from_bytes(SECRET.as_bytes());
    accepted(&world, &key.authenticate(claims).unwrap()).await;
}

#[tokio::test]
async fn alg_none_and_a_changed_algorithm_are_refused() {
    let world = with_secret().await;
    let ada = world.sign_up("ada").await;
    let body = ada.access.split('.').nth(1).unwrap();
    for alg in ["none", "None", "HS384", "EdDSA"] {
        let head = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "typ": "JWT" }).to_string());
        let signature = ada.access.split('.').nth(2).unwrap();
        refused(&world, &format!("{head}.{body}.")).await;
        refused(&world, &format!("{head}.{body}.{signature}")).await;
    }
}

#[tokio::test]
async fn without_a_secret_keys_are_published_and_others_are_refused() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let head = part(&ada.access, 0);
    assert_eq!(head["alg"], "EdDSA");

    let answer = call("GET", "/.well-known/jwks.json")
        .send(&world.origin)
        .await;
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let keys = answer.expect(200);
    let key = &keys["keys"][0];
    assert_eq!(key["kid"], head["kid"]);
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    assert!(key.get("d").is_none(), "the secret half must not be there");

    let public = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    let stranger = Ed25519KeyPair::generate();
    refused(&world, &stranger.clone().sign(claims_of(&ada)).unwrap()).await;
    let named = stranger.with_key_id(head["kid"].as_str().unwrap());
    refused(&world, &named.sign(claims_of(&ada)).unwrap()).await;
    let unknown = Ed25519KeyPair::generate().with_key_id("another");
    refused(&world, &unknown.sign(claims_of(&ada)).unwrap()).await;
    // The public key used as if it were a shared secret.
    let confused = HS256Key::from_bytes(&public).with_key_id(head["kid"].as_str().unwrap());
    refused(&world, &confused.authenticate(claims_of(&ada)).unwrap()).await;
}

#[tokio::test]
async fn with_a_secret_no_keys_are_published() {
    let world = with_secret().await;
    let keys = call("GET", "/.well-known/jwks.json")
        .send(&world.origin)
        .await;
    assert_eq!(keys.expect(200), json!({ "keys": [] }));
}
