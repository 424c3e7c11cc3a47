//! Access tokens: issued here, verified here and at the edge.

use std::collections::HashSet;

use jwt_simple::prelude::{
    Audiences, Claims, Duration, EdDSAKeyPairLike, EdDSAPublicKeyLike, JWTClaims, MACLike, Token,
    UnixTimeStamp, VerificationOptions,
};
use sluicegate_contract::ids::{AccountId, SessionId};
use sluicegate_contract::limits;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::token::{Role, TokenClaims};
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;

use super::keys::{KeySet, Keyring};
use super::previews::Root;
use crate::error::ApiError;
use crate::state::ApiConfig;

/// Issues and verifies access tokens.
pub(crate) struct Tokens {
    env: Env,
    keyring: Keyring,
    issuer: String,
    audience: String,
    lifetime: Duration,
}

/// What a valid token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) account: AccountId,
    pub(crate) session: SessionId,
}

impl Tokens {
    pub(crate) fn new(env: Env, keyring: Keyring, config: &ApiConfig) -> Self {
        Self {
            env,
            keyring,
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            lifetime: Duration::from_secs(config.limits.access_token_lifetime.as_secs()),
        }
    }

    /// A token that lives for [`Limits::access_token_lifetime`](sluicegate_core::limits::Limits).
    pub(crate) async fn issue(
        &self,
        account: AccountId,
        role: Role,
        session: SessionId,
    ) -> Result<String, PortError> {
        let claims = self.claims(account, role, session);
        let signed = match &self.keyring {
            Keyring::Secret(key) => key.authenticate(claims),
            Keyring::Stored(keys) => keys.with_signing(|key| key.pair.sign(claims)).await?,
        };
        signed.map_err(|error| PortError::failed("signing", error))
    }

    fn claims(&self, account: AccountId, role: Role, session: SessionId) -> JWTClaims<TokenClaims> {
        let lifetime = self.lifetime;
        let now = self.now();
        let mut claims = Claims::with_custom_claims(TokenClaims { sid: session, role }, lifetime);
        claims.issued_at = Some(now);
        claims.expires_at = Some(now + lifetime);
        claims.invalid_before = None;
        claims.issuer = Some(self.issuer.clone());
        claims.audiences = Some(Audiences::AsString(self.audience.clone()));
        claims.subject = Some(account.to_string());
        claims
    }

    /// Whose token it is. The algorithm is the key's: what the token names must be the same.
    pub(crate) async fn verify(&self, token: &str) -> Result<Verified, ApiError> {
        if token.len() > limits::TOKEN_BYTES {
            return Err(refused());
        }
        let options = Some(self.options());
        let claims = match &self.keyring {
            Keyring::Secret(key) => key.verify_token::<TokenClaims>(token, options),
            Keyring::Stored(_) => {
                let id = key_id(token).ok_or_else(refused)?;
                let keys = self.keys_with(&id).await?;
                let key = keys.find(&id).ok_or_else(refused)?;
                key.pair
                    .public_key()
                    .verify_token::<TokenClaims>(token, options)
            }
        };
        read(&claims.map_err(|_| refused())?)
    }

    /// The public keys that verify tokens, as a JWK set (RFC 8037); none where a secret is shared.
    pub(crate) async fn key_set(&self) -> Result<serde_json::Value, PortError> {
        let keys = match &self.keyring {
            Keyring::Secret(_) => Vec::new(),
            Keyring::Stored(keys) => keys.fresh().await?.all().map(jwk).collect(),
        };
        Ok(serde_json::json!({ "keys": keys }))
    }

    pub(super) fn env(&self) -> &Env {
        &self.env
    }

    /// Of the key that signs now.
    pub(super) async fn with_current_root<T>(
        &self,
        work: impl FnOnce(Root<'_>) -> T,
    ) -> Result<T, PortError> {
        Ok(match &self.keyring {
            Keyring::Secret(key) => work(Root::shared(&key.to_bytes())),
            Keyring::Stored(keys) => keys.with_signing(|key| work(key.root())).await?,
        })
    }

    /// Of the key with that name, if there is one.
    pub(super) async fn with_root<T>(
        &self,
        id: &str,
        work: impl FnOnce(Root<'_>) -> T,
    ) -> Result<Option<T>, PortError> {
        if let Keyring::Secret(key) = &self.keyring {
            let secret = key.to_bytes();
            let root = Root::shared(&secret);
            return Ok((root.id == id).then(|| work(root)));
        }
        let keys = self.keys_with(id).await?;
        Ok(keys.find(id).map(|key| work(key.root())))
    }

    /// The keys, looked up again if none of them has that name: another replica may have added it.
    async fn keys_with(&self, id: &str) -> Result<std::sync::Arc<KeySet>, PortError> {
        let Keyring::Stored(stored) = &self.keyring else {
            return Err(PortError::failed(
                "signing keys",
                "there are none beside a secret",
            ));
        };
        let keys = stored.current().await?;
        if keys.find(id).is_some() {
            Ok(keys)
        } else {
            stored.fresh().await
        }
    }

    fn options(&self) -> VerificationOptions {
        VerificationOptions {
            allowed_issuers: Some(HashSet::from([self.issuer.clone()])),
            allowed_audiences: Some(HashSet::from([self.audience.clone()])),
            time_tolerance: Some(Duration::from_secs(limits::CLOCK_SKEW.as_secs())),
            max_token_length: Some(limits::TOKEN_BYTES),
            max_header_length: Some(limits::TOKEN_BYTES),
            artificial_time: Some(self.now()),
            // Another origin, whose clock is ahead of ours, may have issued it just now.
            accept_future: true,
            ..VerificationOptions::default()
        }
    }

    fn now(&self) -> UnixTimeStamp {
        UnixTimeStamp::from_secs(u64::try_from(self.env.now().unix_seconds()).unwrap_or_default())
    }
}

fn read(claims: &JWTClaims<TokenClaims>) -> Result<Verified, ApiError> {
    // The library lets tokens without these through.
    if claims.expires_at.is_none() || claims.issued_at.is_none() {
        return Err(refused());
    }
    let subject = claims
        .subject
        .as_deref()
        .and_then(|subject| subject.parse().ok());
    Ok(Verified {
        account: subject.ok_or_else(refused)?,
        session: claims.custom.sid,
    })
}

fn key_id(token: &str) -> Option<String> {
    Token::decode_metadata(token)
        .ok()?
        .key_id()
        .map(ToOwned::to_owned)
}

fn jwk(key: &super::keys::KeyOf) -> serde_json::Value {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    serde_json::json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
        "kid": key.id,
        "x": URL_SAFE_NO_PAD.encode(key.pair.public_key().to_bytes()),
    })
}

/// The one answer to all tokens that are not good: which check failed is nobody's business.
pub(crate) fn refused() -> ApiError {
    ApiError::new(ProblemType::Unauthorized)
}
