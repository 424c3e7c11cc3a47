//! Tokens of many people, and how a native server verifies them.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{
    Claims, Duration, Ed25519KeyPair, Ed25519PublicKey, EdDSAKeyPairLike, EdDSAPublicKeyLike,
    HS256Key, JWTClaims, MACLike, VerificationOptions,
};
use sluicegate_contract::ids::SessionId;
use sluicegate_contract::limits;
use sluicegate_contract::token::{Role, TokenClaims};
use uuid::Uuid;

/// As many people as make nearly every request miss a small cache.
pub(crate) const PEOPLE: usize = 1_000;
pub(crate) const SECRET: &str = "a secret of the benchmark, of 32 bytes and more";
/// Verified tokens that are remembered, as at the edge.
const REMEMBERED: usize = 4_096;
const NAME: &str = "sluicegate";

fn claims(person: u128) -> JWTClaims<TokenClaims> {
    let own = TokenClaims {
        sid: SessionId(Uuid::from_u128(person)),
        role: Role::User,
    };
    Claims::with_custom_claims(own, Duration::from_hours(1))
        .with_issuer(NAME)
        .with_audience(NAME)
        .with_subject(Uuid::from_u128(person))
}

fn of_all(sign: impl Fn(JWTClaims<TokenClaims>) -> Result<String>) -> Result<Vec<String>> {
    (1..=u128::try_from(PEOPLE)?)
        .map(|person| sign(claims(person)))
        .collect()
}

/// Signed with the shared secret.
pub(crate) fn by_secret() -> Result<Vec<String>> {
    let key = HS256Key::from_bytes(SECRET.as_bytes());
    of_all(|claims| key.authenticate(claims).context("cannot sign"))
}

/// Signed with a fresh key, and the document that publishes it.
pub(crate) fn by_key() -> Result<(Vec<String>, String)> {
    let key = Ed25519KeyPair::generate().with_key_id("bench");
    let x = URL_SAFE_NO_PAD.encode(key.public_key().to_bytes());
    let document = serde_json::json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "bench", "x": x}
    ]});
    let tokens = of_all(|claims| key.sign(claims).context("cannot sign"))?;
    Ok((tokens, document.to_string()))
}

enum Key {
    Secret(HS256Key),
    Public(Ed25519PublicKey),
}

/// Verifies with the libraries of the edge, natively, and remembers as much as it does.
pub(crate) struct Verifier {
    key: Key,
    remembered: Mutex<HashMap<String, u64>>,
}

impl Verifier {
    /// With a JWKS document, or the secret if there is none.
    pub(crate) fn new(document: Option<&str>) -> Result<Self> {
        let key = match document {
            None => Key::Secret(HS256Key::from_bytes(SECRET.as_bytes())),
            Some(document) => {
                let document: serde_json::Value = serde_json::from_str(document)?;
                let x = document.pointer("/keys/0/x").and_then(|x| x.as_str());
                let raw = URL_SAFE_NO_PAD.decode(x.context("a key")?)?;
                Key::Public(Ed25519PublicKey::from_bytes(&raw).context("a key of Ed25519")?)
            }
        };
        Ok(Self {
            key,
            remembered: Mutex::default(),
        })
    }

    /// Whether the value of an `Authorization` header is a valid token's.
    pub(crate) fn accepts(&self, header: &str) -> bool {
        let Some(token) = header.strip_prefix("Bearer ") else {
            return false;
        };
        let now = jwt_simple::prelude::Clock::now_since_epoch().as_secs();
        let lock = || {
            self.remembered
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if lock().get(token).is_some_and(|until| *until > now) {
            return true;
        }
        let options = Some(VerificationOptions {
            allowed_issuers: Some(HashSet::from([NAME.to_owned()])),
            allowed_audiences: Some(HashSet::from([NAME.to_owned()])),
            time_tolerance: Some(Duration::from_secs(limits::CLOCK_SKEW.as_secs())),
            max_token_length: Some(limits::TOKEN_BYTES),
            ..VerificationOptions::default()
        });
        let verified = match &self.key {
            Key::Secret(key) => key.verify_token::<TokenClaims>(token, options),
            Key::Public(key) => key.verify_token::<TokenClaims>(token, options),
        };
        let Some(until) = verified.ok().and_then(|claims| claims.expires_at) else {
            return false;
        };
        let mut remembered = lock();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(token.to_owned(), until.as_secs());
        true
    }
}
