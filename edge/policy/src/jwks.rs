//! The origin's published keys (RFC 7517), and when to ask for them again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::Ed25519PublicKey;
use serde::Deserialize;

use crate::UnixSeconds;

/// Keys are asked for again when they are this old, in seconds.
pub const REFRESH_AFTER: u64 = 5 * 60;
/// An unknown key id leads to a new request at most this often, in seconds.
pub const UNKNOWN_KEY_COOLDOWN: u64 = 10;
/// After a failed request none is made for this long, in seconds.
pub const FAILURE_COOLDOWN: u64 = 2;
/// The largest document that is read, in bytes.
pub const DOCUMENT_BYTES: usize = 64 * 1024;
/// Keys of a document beyond this many are not read.
const KEYS: usize = 32;

/// Why a document has no keys for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// It is not JSON of the form `{"keys": […]}`, or too large.
    #[error("not a JSON Web Key Set")]
    Malformed,
    /// It names no Ed25519 key with a key id.
    #[error("no Ed25519 key with a key id in the key set")]
    NoUsableKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct OctetKey {
    kty: String,
    crv: String,
    x: String,
    kid: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
}

/// Public keys by key id.
pub struct KeySet(Vec<(String, Ed25519PublicKey)>);

impl KeySet {
    /// Reads the Ed25519 signature keys of a JWKS document; keys of other kinds are passed over.
    pub fn parse(document: &[u8]) -> Result<Self, JwksError> {
        if document.len() > DOCUMENT_BYTES {
            return Err(JwksError::Malformed);
        }
        let document: Document =
            serde_json::from_slice(document).map_err(|_| JwksError::Malformed)?;
        let keys: Vec<_> = document
            .keys
            .into_iter()
            .take(KEYS)
            .filter_map(usable)
            .collect();
        if keys.is_empty() {
            Err(JwksError::NoUsableKey)
        } else {
            Ok(Self(keys))
        }
    }

    /// The key of that id.
    pub fn get(&self, key_id: &str) -> Option<&Ed25519PublicKey> {
        self.0
            .iter()
            .find(|(id, _)| id == key_id)
            .map(|(_, key)| key)
    }
}

fn usable(value: serde_json::Value) -> Option<(String, Ed25519PublicKey)> {
    let key: OctetKey = serde_json::from_value(value).ok()?;
    let signs = key.purpose.is_none_or(|purpose| purpose == "sig");
    if key.kty != "OKP" || key.crv != "Ed25519" || !signs {
        return None;
    }
    let raw = URL_SAFE_NO_PAD.decode(key.x).ok()?;
    Some((key.kid, Ed25519PublicKey::from_bytes(&raw).ok()?))
}

/// What is known of the origin's keys, and when it was last asked.
///
/// Keys that are there stay in use while the origin cannot be reached.
#[derive(Default)]
pub struct JwksCache {
    keys: Option<KeySet>,
    fetched_at: UnixSeconds,
    /// The last refresh of keys that we still have; only one request at a time does it.
    refreshed_at: UnixSeconds,
    failed_at: Option<UnixSeconds>,
}

impl JwksCache {
    /// The keys, if any were ever read.
    pub fn keys(&self) -> Option<&KeySet> {
        self.keys.as_ref()
    }

    /// Whether to ask the origin before using what is here. Says yes once per interval while there
    /// are keys, so that the other requests go on with those.
    pub fn is_due(&mut self, now: UnixSeconds) -> bool {
        if self.cools_down(now) {
            return false;
        }
        if self.keys.is_none() {
            return true;
        }
        let last = self.fetched_at.max(self.refreshed_at);
        let due = now.saturating_sub(last) >= REFRESH_AFTER;
        if due {
            self.refreshed_at = now;
        }
        due
    }

    /// Whether an unknown key id is reason to ask the origin.
    pub fn may_look_for_unknown(&self, now: UnixSeconds) -> bool {
        !self.cools_down(now) && now.saturating_sub(self.fetched_at) >= UNKNOWN_KEY_COOLDOWN
    }

    /// The origin answered; what does not parse counts as a failure.
    pub fn fetched(&mut self, document: &[u8], now: UnixSeconds) -> Result<(), JwksError> {
        match KeySet::parse(document) {
            Ok(keys) => {
                self.keys = Some(keys);
                self.fetched_at = now;
                self.failed_at = None;
                Ok(())
            }
            Err(error) => {
                self.failed(now);
                Err(error)
            }
        }
    }

    /// The origin did not answer.
    pub fn failed(&mut self, now: UnixSeconds) {
        self.failed_at = Some(now);
    }

    fn cools_down(&self, now: UnixSeconds) -> bool {
        self.failed_at
            .is_some_and(|at| now.saturating_sub(at) < FAILURE_COOLDOWN)
    }
}

#[cfg(test)]
mod tests {
    use jwt_simple::prelude::*;
    use proptest::prelude::*;

    use super::*;

    fn document(kid: &str) -> String {
        let key = Ed25519KeyPair::generate().public_key();
        let x = URL_SAFE_NO_PAD.encode(key.to_bytes());
        format!(
            r#"{{"keys":[{{"kty":"RSA","n":"x","e":"AQAB","kid":"r"}},
                {{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"{kid}","use":"sig","alg":"EdDSA"}}]}}"#
        )
    }

    #[test]
    fn reads_ed25519_and_passes_over_the_rest() {
        let keys = KeySet::parse(document("one").as_bytes()).expect("parses");
        assert!(keys.get("one").is_some());
        assert!(keys.get("r").is_none());
        assert_eq!(
            KeySet::parse(b"{\"keys\":[]}").err(),
            Some(JwksError::NoUsableKey)
        );
        assert_eq!(KeySet::parse(b"<html>").err(), Some(JwksError::Malformed));
    }

    #[test]
    fn asks_once_an_interval_and_keeps_stale_keys() {
        let mut cache = JwksCache::default();
        assert!(cache.is_due(1_000));
        cache
            .fetched(document("one").as_bytes(), 1_000)
            .expect("parses");
        assert!(!cache.is_due(1_000 + REFRESH_AFTER - 1));
        assert!(cache.is_due(1_000 + REFRESH_AFTER));
        assert!(!cache.is_due(1_000 + REFRESH_AFTER));
        cache.failed(1_001 + REFRESH_AFTER);
        assert!(cache.keys().is_some_and(|keys| keys.get("one").is_some()));
        assert!(cache.is_due(1_001 + 2 * REFRESH_AFTER));
    }

    #[test]
    fn without_keys_it_asks_again_soon_after_a_failure() {
        let mut cache = JwksCache::default();
        cache.failed(1_000);
        assert!(!cache.is_due(1_000));
        assert!(cache.is_due(1_000 + FAILURE_COOLDOWN));
        assert!(cache.fetched(b"nonsense", 1_010).is_err());
        assert!(!cache.is_due(1_010));
    }

    #[test]
    fn unknown_keys_are_looked_for_after_the_cooldown() {
        let mut cache = JwksCache::default();
        cache
            .fetched(document("one").as_bytes(), 1_000)
            .expect("parses");
        assert!(!cache.may_look_for_unknown(1_000 + UNKNOWN_KEY_COOLDOWN - 1));
        assert!(cache.may_look_for_unknown(1_000 + UNKNOWN_KEY_COOLDOWN));
    }

    proptest! {
        #[test]
        fn no_document_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = KeySet::parse(&bytes);
        }
    }
}
