//! The origin's published keys (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::Ed25519PublicKey;
use serde::Deserialize;

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

    proptest! {
        #[test]
        fn no_document_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = KeySet::parse(&bytes);
        }
    }
}
