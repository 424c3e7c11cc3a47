//! Tokens of an instance: verified once, remembered until they end.
//!
//! A state machine without I/O. Ask [`Authenticator::check`]; if it says [`Check::FetchKeys`], get the
//! origin's JWKS, report with [`Authenticator::keys_fetched`] or [`Authenticator::keys_failed`], and
//! ask again; if it says [`Check::AwaitKeys`], somebody else is at that. After an answer
//! [`Authenticator::wants_refresh`] says whether to get the keys behind it.

use std::rc::Rc;

use jwt_simple::prelude::HS256Key;

use crate::UnixSeconds;
use crate::bounded::Bounded;
use crate::jwks::{JwksError, KeySet};
use crate::key_cache::{KeyCache, Need};
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
    /// They are needed first, and another request is getting them.
    AwaitKeys,
    /// The keys that it needs are not here, and the origin cannot be asked right now.
    NoKeys,
}

enum Keys {
    Secret(HS256Key),
    Published(KeyCache),
}

/// Decides about tokens.
pub struct Authenticator {
    expected: Expectations,
    keys: Keys,
    verified: Bounded<Rc<str>, Caller>,
}

impl Authenticator {
    /// With a secret, HS256 only; with an empty one, EdDSA under the origin's published keys, and until
    /// those are known under `base`.
    pub fn new(
        secret: &[u8],
        base: Option<KeySet>,
        expected: Expectations,
    ) -> Result<Self, WeakSecret> {
        let keys = if secret.is_empty() {
            Keys::Published(KeyCache::with_base(base))
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
                if let Some(check) = must_wait(cache.before_use(now)) {
                    return check;
                }
                let Some(keys) = cache.keys() else {
                    return Check::NoKeys;
                };
                let result = verify_with_keys(token, keys, &self.expected, now);
                if result == Err(TokenError::UnknownKey)
                    && let Some(check) = must_wait(cache.for_unknown(now))
                {
                    return check;
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

    /// Whether the caller is to get the origin's keys behind its request, and report as above.
    pub fn wants_refresh(&mut self, now: UnixSeconds) -> bool {
        match &mut self.keys {
            Keys::Secret(_) => false,
            Keys::Published(cache) => cache.wants_refresh(now),
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

fn must_wait(need: Need) -> Option<Check> {
    match need {
        Need::Nothing => None,
        Need::Ask => Some(Check::FetchKeys),
        Need::Wait => Some(Check::AwaitKeys),
        Need::Down => Some(Check::NoKeys),
    }
}

#[cfg(test)]
mod tests;
