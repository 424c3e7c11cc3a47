use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::*;
use sluicegate_contract::ids::{AccountId, SessionId};
use sluicegate_contract::token::{Role, TokenClaims};

use super::*;
use crate::key_cache::{FAILURE_COOLDOWN, OLD_AFTER, REFRESH_AFTER, UNKNOWN_KEY_COOLDOWN};

const NOW: u64 = 1_795_540_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn expected() -> Expectations {
    Expectations {
        issuer: "sluicegate".into(),
        audience: "sluicegate".into(),
    }
}

fn account() -> AccountId {
    AccountId(uuid::Uuid::from_u128(1))
}

fn claims() -> JWTClaims<TokenClaims> {
    let own = TokenClaims {
        sid: SessionId(uuid::Uuid::from_u128(2)),
        role: Role::User,
    };
    let mut claims = Claims::with_custom_claims(own, Duration::from_mins(15))
        .with_issuer("sluicegate")
        .with_audience("sluicegate")
        .with_subject(account());
    claims.issued_at = Some(Duration::from_secs(NOW));
    claims.expires_at = Some(Duration::from_secs(NOW + 900));
    claims.invalid_before = None;
    claims
}

fn by_secret() -> Authenticator {
    Authenticator::new(SECRET, None, expected()).expect("long enough")
}

fn by_published_keys() -> Authenticator {
    Authenticator::new(b"", None, expected()).expect("published keys")
}

fn signed(claims: JWTClaims<TokenClaims>) -> String {
    HS256Key::from_bytes(SECRET)
        .authenticate(claims)
        .expect("signs")
}

fn key(id: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::generate().with_key_id(id)
}

fn jwks(keys: &[&Ed25519KeyPair]) -> Vec<u8> {
    let keys: Vec<_> = keys
        .iter()
        .map(|key| {
            let x = URL_SAFE_NO_PAD.encode(key.public_key().to_bytes());
            serde_json::json!({"kty": "OKP", "crv": "Ed25519", "kid": key.key_id(), "x": x})
        })
        .collect();
    serde_json::json!({ "keys": keys }).to_string().into_bytes()
}

fn refused(check: &Check) -> bool {
    matches!(check, Check::Refused(_))
}

#[test]
fn a_good_token_names_its_caller_and_is_remembered_until_it_ends() {
    let mut auth = by_secret();
    let token = signed(claims());
    let Check::Caller(caller) = auth.check(&token, NOW) else {
        panic!("valid")
    };
    assert_eq!(caller.account, account());
    assert_eq!(caller.claims.role, Role::User);
    assert_eq!(auth.verified.len(), 1);
    assert!(matches!(auth.check(&token, NOW + 899), Check::Caller(_)));
    // Past its end only the skew is left, and then nothing.
    assert!(matches!(auth.check(&token, NOW + 960), Check::Caller(_)));
    assert!(refused(&auth.check(&token, NOW + 961)));
}

#[test]
fn every_claim_counts() {
    let mut auth = by_secret();
    let broken: [fn(&mut JWTClaims<TokenClaims>); 8] = [
        |c| c.issuer = Some("another".into()),
        |c| c.issuer = None,
        |c| c.audiences = Some(Audiences::AsString("another".into())),
        |c| c.audiences = None,
        |c| c.subject = Some("not-an-id".into()),
        |c| c.subject = None,
        |c| c.expires_at = None,
        |c| c.issued_at = None,
    ];
    for breaks in broken {
        let mut claims = claims();
        breaks(&mut claims);
        assert!(refused(&auth.check(&signed(claims), NOW)));
    }
    assert!(auth.verified.is_empty());
}

#[test]
fn clocks_may_differ_by_two_minutes() {
    let mut auth = by_secret();
    let token = signed(claims());
    assert!(
        matches!(auth.check(&token, NOW - 120), Check::Caller(_)),
        "ours is behind"
    );
    assert!(
        matches!(by_secret().check(&token, NOW + 120), Check::Caller(_)),
        "ours is ahead"
    );
}

#[test]
fn foreign_signatures_and_algorithms_are_refused() {
    let mut auth = by_secret();
    let other = HS256Key::from_bytes(&[9; 32])
        .authenticate(claims())
        .expect("signs");
    assert!(refused(&auth.check(&other, NOW)));
    let hs512 = HS512Key::from_bytes(SECRET)
        .authenticate(claims())
        .expect("signs");
    assert!(refused(&auth.check(&hs512, NOW)));
    let eddsa = key("one").sign(claims()).expect("signs");
    assert!(refused(&auth.check(&eddsa, NOW)));

    let body = signed(claims());
    let payload = body.split('.').nth(1).expect("has claims");
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    for token in [
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        String::new(),
    ] {
        assert!(refused(&auth.check(&token, NOW)));
    }
    let long = format!("{body}{}", "A".repeat(4096));
    assert_eq!(auth.check(&long, NOW), Check::Refused(TokenError::TooLong));
}

#[test]
fn a_public_key_is_no_secret() {
    // The classic confusion: an HS256 token signed with the bytes of the published key.
    let pair = key("one");
    let mut auth = by_published_keys();
    auth.keys_fetched(&jwks(&[&pair]), NOW).expect("parses");
    let forged = HS256Key::from_bytes(&pair.public_key().to_bytes()).with_key_id("one");
    let token = forged.authenticate(claims()).expect("signs");
    assert_eq!(auth.check(&token, NOW), Check::Refused(TokenError::Invalid));
}

#[test]
fn published_keys_are_fetched_first_and_again_for_a_new_one() {
    let (one, two) = (key("one"), key("two"));
    let mut auth = by_published_keys();
    let first = one.sign(claims()).expect("signs");
    assert_eq!(auth.check(&first, NOW), Check::FetchKeys);
    auth.keys_fetched(&jwks(&[&one]), NOW).expect("parses");
    assert!(matches!(auth.check(&first, NOW), Check::Caller(_)));

    let second = two.sign(claims()).expect("signs");
    assert_eq!(
        auth.check(&second, NOW + 1),
        Check::Refused(TokenError::UnknownKey)
    );
    let later = NOW + UNKNOWN_KEY_COOLDOWN;
    assert_eq!(auth.check(&second, later), Check::FetchKeys);
    auth.keys_fetched(&jwks(&[&one, &two]), later)
        .expect("parses");
    assert!(matches!(auth.check(&second, later), Check::Caller(_)));
}

#[test]
fn an_origin_that_is_down_is_no_verdict() {
    let one = key("one");
    let token = one.sign(claims()).expect("signs");
    let mut auth = by_published_keys();
    assert_eq!(auth.check(&token, NOW), Check::FetchKeys);
    assert_eq!(auth.check(&token, NOW), Check::AwaitKeys);
    auth.keys_failed(NOW);
    assert_eq!(auth.check(&token, NOW), Check::NoKeys);
    auth.keys_fetched(&jwks(&[&one]), NOW + 5).expect("parses");
    // Stale keys go on to serve while the origin is away.
    let late = NOW + 5 + OLD_AFTER;
    let fresh = one.sign(claims()).expect("signs");
    assert_eq!(auth.check(&fresh, late), Check::FetchKeys);
    auth.keys_failed(late);
    assert!(matches!(auth.check(&fresh, late), Check::Caller(_)));
    // Nobody can say whether another key is one of the origin's.
    let other = key("two").sign(claims()).expect("signs");
    assert_eq!(auth.check(&other, late), Check::NoKeys);
    let again = late + FAILURE_COOLDOWN;
    assert_eq!(auth.check(&other, again), Check::FetchKeys);
}

#[test]
fn base_keys_verify_before_the_origin_was_ever_reached() {
    let (one, two) = (key("one"), key("two"));
    let base = KeySet::parse(&jwks(&[&one])).expect("parses");
    let mut auth = Authenticator::new(b"", Some(base), expected()).expect("published keys");
    let token = one.sign(claims()).expect("signs");
    assert!(matches!(auth.check(&token, NOW), Check::Caller(_)));
    let forged = key("one").sign(claims()).expect("signs");
    assert_eq!(
        auth.check(&forged, NOW),
        Check::Refused(TokenError::Invalid)
    );
    assert!(auth.wants_refresh(NOW), "the origin's own keys are wanted");
    auth.keys_failed(NOW);
    let other = two.sign(claims()).expect("signs");
    assert_eq!(auth.check(&other, NOW), Check::NoKeys);
}

#[test]
fn a_rotation_with_overlap_logs_nobody_out() {
    let (one, two) = (key("one"), key("two"));
    let mut auth = by_published_keys();
    auth.keys_fetched(&jwks(&[&one]), NOW).expect("parses");
    // The new key is published before it signs, and the edge learns of it behind its requests.
    let due = NOW + REFRESH_AFTER;
    let old = one.sign(claims()).expect("signs");
    assert!(matches!(auth.check(&old, due), Check::Caller(_)));
    assert!(auth.wants_refresh(due));
    auth.keys_fetched(&jwks(&[&two, &one]), due)
        .expect("parses");
    let new = two.sign(claims()).expect("signs");
    assert!(matches!(auth.check(&new, due + 1), Check::Caller(_)));
    let old = one.sign(claims()).expect("signs");
    assert!(matches!(auth.check(&old, due + 1), Check::Caller(_)));
}
