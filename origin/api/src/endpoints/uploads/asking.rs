//! Who asks for a ticket, and how they name what they send.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderValue;
use http::request::Parts;
use sluicegate_contract::headers::HEAD_SHA256;
use sluicegate_contract::limits;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::ports::Reach;
use sluicegate_core::upload::UploadKey;

use crate::error::ApiError;
use crate::http::idempotency::IdempotencyKey;

/// The name of an upload, if the client gives it one.
pub(super) fn key(key: IdempotencyKey, now: Timestamp) -> Result<Option<UploadKey>, ApiError> {
    Ok(key.read()?.map(|key| UploadKey {
        key,
        expires_at: now.plus(limits::IDEMPOTENCY_KEY_LIFETIME),
    }))
}

/// Who will send the file to the store.
pub(crate) enum Sender {
    /// An edge, which may have seen the file's beginning.
    Edge(HeadDigest),
    /// The client itself.
    Client,
}

impl Sender {
    pub(super) fn reach(&self) -> Reach {
        match self {
            Self::Edge(_) => Reach::Edge,
            Self::Client => Reach::Public,
        }
    }
}

/// What an edge says of the file's beginning, unread.
pub(crate) struct HeadDigest(Option<HeaderValue>);

impl<S: Send + Sync> FromRequestParts<S> for HeadDigest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.get(HEAD_SHA256).cloned()))
    }
}

impl HeadDigest {
    pub(super) fn read(&self) -> Result<Option<[u8; 32]>, ApiError> {
        let read = |value: &HeaderValue| value.to_str().ok().and_then(sha256);
        let Some(value) = &self.0 else {
            return Ok(None);
        };
        read(value).map(Some).ok_or_else(|| {
            ApiError::invalid("Sluicegate-Head-Sha256 must be 64 lower-case hexadecimal digits.")
        })
    }
}

/// What the body says of the whole file.
pub(super) fn declared_sha256(text: &str) -> Result<[u8; 32], ApiError> {
    sha256(text).ok_or_else(|| {
        ApiError::invalid("sha256 must be 64 lower-case hexadecimal digits.")
            .with("field", "sha256")
    })
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
    let read = hex::decode_to_slice(text, &mut hash).is_ok();
    (read && lower).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_have_one_spelling() {
        assert_eq!(declared_sha256(&"0a".repeat(32)).expect("a hash"), [10; 32]);
        for bad in [
            "",
            "0a",
            &"0A".repeat(32),
            &"0a".repeat(33),
            &"zz".repeat(32),
        ] {
            assert!(declared_sha256(bad).is_err(), "{bad:?} must be refused");
        }
    }
}
