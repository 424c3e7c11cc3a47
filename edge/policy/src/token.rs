//! Verification of one access token.

use std::collections::HashSet;

use jwt_simple::prelude::{
    Duration, EdDSAPublicKeyLike, HS256Key, JWTClaims, MACLike, Token, VerificationOptions,
};
use sluicegate_contract::ids::AccountId;
use sluicegate_contract::limits;
use sluicegate_contract::token::TokenClaims;

use crate::UnixSeconds;
use crate::jwks::KeySet;

/// The shortest secret that signs tokens, in bytes: the output length of the hash (RFC 7518, 3.2).
pub const SECRET_BYTES: usize = 32;

/// A secret of less than [`SECRET_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token secret is shorter than {SECRET_BYTES} bytes")]
pub struct WeakSecret;

/// Why a token is refused. Clients learn no more than that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`limits::TOKEN_BYTES`].
    #[error("longer than any token of ours")]
    TooLong,
    /// Not three parts of base64url and JSON.
    #[error("malformed")]
    Malformed,
    /// It names no key, or one that is not published.
    #[error("signed by an unknown key")]
    UnknownKey,
    /// Wrong signature or algorithm, expired, or of another issuer or audience.
    #[error("not valid")]
    Invalid,
    /// Rightly signed, but without the claims of an access token.
    #[error("not an access token")]
    WrongClaims,
}

/// Who a valid token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// Session and role.
    pub claims: TokenClaims,
    /// When the token ends; skew is not added.
    pub expires_at: UnixSeconds,
}

/// What every token must say of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectations {
    /// `iss`
    pub issuer: String,
    /// `aud`, or one of them.
    pub audience: String,
}

impl Expectations {
    fn options(&self, now: UnixSeconds) -> VerificationOptions {
        VerificationOptions {
            allowed_issuers: Some(HashSet::from([self.issuer.clone()])),
            allowed_audiences: Some(HashSet::from([self.audience.clone()])),
            time_tolerance: Some(Duration::from_secs(limits::CLOCK_SKEW.as_secs())),
            max_token_length: Some(limits::TOKEN_BYTES),
            artificial_time: Some(Duration::from_secs(now)),
            // A token that was signed is one that exists. Its `iat` lies ahead where our clock is behind the
            // origin's, and to refuse it would lock out whoever has just logged in.
            accept_future: true,
            ..VerificationOptions::default()
        }
    }
}

/// Makes the key of HS256 tokens.
pub fn secret_key(secret: &[u8]) -> Result<HS256Key, WeakSecret> {
    if secret.len() < SECRET_BYTES {
        Err(WeakSecret)
    } else {
        Ok(HS256Key::from_bytes(secret))
    }
}

/// Verifies a token under the shared secret. Only HS256 passes, whatever the token says of itself.
pub fn verify_with_secret(
    token: &str,
    key: &HS256Key,
    expected: &Expectations,
    now: UnixSeconds,
) -> Result<Caller, TokenError> {
    check_length(token)?;
    let claims = key
        .verify_token::<TokenClaims>(token, Some(expected.options(now)))
        .map_err(|_| TokenError::Invalid)?;
    caller(claims)
}

/// Verifies a token under the published key that it names. Only EdDSA passes.
pub fn verify_with_keys(
    token: &str,
    keys: &KeySet,
    expected: &Expectations,
    now: UnixSeconds,
) -> Result<Caller, TokenError> {
    check_length(token)?;
    let metadata = Token::decode_metadata(token).map_err(|_| TokenError::Malformed)?;
    let key = metadata
        .key_id()
        .and_then(|id| keys.get(id))
        .ok_or(TokenError::UnknownKey)?;
    let claims = key
        .verify_token::<TokenClaims>(token, Some(expected.options(now)))
        .map_err(|_| TokenError::Invalid)?;
    caller(claims)
}

fn check_length(token: &str) -> Result<(), TokenError> {
    if token.len() > limits::TOKEN_BYTES {
        Err(TokenError::TooLong)
    } else {
        Ok(())
    }
}

fn caller(claims: JWTClaims<TokenClaims>) -> Result<Caller, TokenError> {
    // The library lets tokens pass that never expire or say nothing of their age.
    let expires_at = claims.expires_at.ok_or(TokenError::WrongClaims)?.as_secs();
    claims.issued_at.ok_or(TokenError::WrongClaims)?;
    let account = claims
        .subject
        .as_deref()
        .and_then(|subject| subject.parse().ok())
        .ok_or(TokenError::WrongClaims)?;
    Ok(Caller {
        account,
        claims: claims.custom,
        expires_at,
    })
}

/// What the `Authorization` header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// There is none.
    Absent,
    /// A bearer token.
    Bearer(&'a str),
    /// Another scheme, several headers, or nothing that could be a token.
    Unusable,
}

/// Reads the values of all `Authorization` headers of a request (RFC 6750, 2.1).
pub fn credentials<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Credentials<'a> {
    let Some(value) = values.next() else {
        return Credentials::Absent;
    };
    if values.next().is_some() {
        return Credentials::Unusable;
    }
    let parsed = std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.trim().split_once(' '));
    match parsed {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            let token = token.trim_start_matches(' ');
            let fits = !token.is_empty()
                && token
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
            if fits {
                Credentials::Bearer(token)
            } else {
                Credentials::Unusable
            }
        }
        _ => Credentials::Unusable,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_one_bearer_token_and_nothing_else() {
        let read = |values: &[&'static str]| {
            let values: Vec<&'static [u8]> = values.iter().map(|v| v.as_bytes()).collect();
            credentials(values.into_iter())
        };
        assert_eq!(read(&[]), Credentials::Absent);
        assert_eq!(read(&["Bearer a.b.c"]), Credentials::Bearer("a.b.c"));
        assert_eq!(read(&["bearer  a.b.c "]), Credentials::Bearer("a.b.c"));
        assert_eq!(read(&["Basic a"]), Credentials::Unusable);
        assert_eq!(read(&["Bearer"]), Credentials::Unusable);
        assert_eq!(read(&["Bearer a b"]), Credentials::Unusable);
        assert_eq!(read(&["Bearer a", "Bearer a"]), Credentials::Unusable);
    }

    #[test]
    fn a_short_secret_is_an_error_and_no_panic() {
        assert_eq!(secret_key(b"short").err(), Some(WeakSecret));
        assert!(secret_key(&[7; 32]).is_ok());
    }

    proptest! {
        #[test]
        fn garbage_is_never_a_caller(token in "[A-Za-z0-9._=-]{0,300}") {
            let key = secret_key(&[7; 32]).expect("long enough");
            let expected = Expectations { issuer: "i".into(), audience: "a".into() };
            prop_assert!(verify_with_secret(&token, &key, &expected, 1_000).is_err());
        }

        #[test]
        fn any_header_is_read_without_panic(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = credentials(std::iter::once(value.as_slice()));
        }
    }
}
