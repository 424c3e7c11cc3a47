//! Tokens of an instance: verified once, remembered until they end.
//!
//! A state machine without I/O. Ask [`Authenticator::check`]; if it says [`Check::FetchKeys`], get the
//! origin's JWKS, report with [`Authenticator::keys_fetched`] or [`Authenticator::keys_failed`], and
//! ask again: the second answer is never `FetchKeys`.

use std::rc::Rc;

use jwt_simple::prelude::HS256Key;

use crate::UnixSeconds;
use crate::bounded::Bounded;
use crate::jwks::{JwksCache, JwksError};
use crate::token::{
    Caller, Expectations, TokenError, WeakSecret, secret_key, verify_with_keys, verify_with_secret,
};

/// Verified tokens that are remembered.
pub const REMEMBERED_TOKENS: usize = 4_096;

/// What is known of a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Check {
    /// It is valid.
    Caller(Caller),
    /// It is not.
    Refused(TokenError),
    /// The origin's keys are needed first.
    FetchKeys,
    /// There are no keys, and the origin cannot be asked right now.
    NoKeys,
}

enum Keys {
    Secret(HS256Key),
    Published(JwksCache),
}

/// Decides about tokens.
pub struct Authenticator {
    expected: Expectations,
    keys: Keys,
    verified: Bounded<Rc<str>, Caller>,
}

impl Authenticator {
    /// With a secret, HS256 only; with an empty one, EdDSA under the origin's published keys.
    pub fn new(secret: &[u8], expected: Expectations) -> Result<Self, WeakSecret> {
        let keys = if secret.is_empty() {
            Keys::Published(JwksCache::default())
        } else {
            Keys::Secret(secret_key(secret)?)
        };
        Ok(Self {
            expected,
            keys,
            verified: Bounded::new(REMEMBERED_TOKENS),
        })
    }

    /// Says what a token is worth at `now`.
    pub fn check(&mut self, token: &str, now: UnixSeconds) -> Check {
        if let Some(caller) = self.verified.get(token, now) {
            return Check::Caller(caller.clone());
        }
        let result = match &mut self.keys {
            Keys::Secret(key) => verify_with_secret(token, key, &self.expected, now),
            Keys::Published(cache) => {
                if cache.is_due(now) {
                    return Check::FetchKeys;
                }
                let Some(keys) = cache.keys() else {
                    return Check::NoKeys;
                };
                let result = verify_with_keys(token, keys, &self.expected, now);
                if result == Err(TokenError::UnknownKey) && cache.may_look_for_unknown(now) {
                    return Check::FetchKeys;
                }
                result
            }
        };
        match result {
            Ok(caller) => {
                self.verified
                    .insert(token.into(), caller.clone(), caller.expires_at, now);
                Check::Caller(caller)
            }
            Err(error) => Check::Refused(error),
        }
    }

    /// The origin answered with this JWKS document.
    pub fn keys_fetched(&mut self, document: &[u8], now: UnixSeconds) -> Result<(), JwksError> {
        match &mut self.keys {
            Keys::Secret(_) => Ok(()),
            Keys::Published(cache) => cache.fetched(document, now),
        }
    }

    /// The origin did not answer.
    pub fn keys_failed(&mut self, now: UnixSeconds) {
        if let Keys::Published(cache) = &mut self.keys {
            cache.failed(now);
        }
    }
}

#[cfg(test)]
mod tests;
