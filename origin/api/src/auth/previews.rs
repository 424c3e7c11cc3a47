//! Addresses of pictures that are held back: short-lived, for one picture each, and good without a header,
//! as `<img>` needs them.
//!
//! They are authenticated with a key that is derived from the one that signs access tokens, so replicas share
//! it and a rotation of keys overlaps here too. A token is `<key id>.<end>.<mac>`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac_sha256::HMAC;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::limits;
use sluicegate_contract::media::MediaKey;
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;

use super::tokens::Tokens;

/// What the derived key is for: no mac of it is good for anything else.
const PURPOSE: &[u8] = b"sluicegate media preview 1";
const MAC_BYTES: usize = 32;
/// The name of the one key there is where a secret is shared.
const SECRET_ID: &str = "s";

/// A signing key as it is kept, by name.
pub(super) struct Root<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a [u8],
}

impl<'a> Root<'a> {
    pub(super) fn shared(secret: &'a [u8]) -> Self {
        Self {
            id: SECRET_ID,
            secret,
        }
    }

    fn key(&self) -> [u8; MAC_BYTES] {
        HMAC::mac(PURPOSE, self.secret)
    }

    pub(super) fn signer(&self, env: Env) -> PreviewSigner {
        PreviewSigner {
            env,
            id: self.id.to_owned(),
            key: self.key(),
        }
    }

    /// Whether this key made the token, for this picture.
    fn made(&self, token: &Token<'_>, picture: UploadId) -> bool {
        let signed = format!("{picture}.{}", token.end);
        HMAC::verify(signed, self.key(), &token.mac)
    }
}

/// Makes addresses of previews.
pub(crate) struct PreviewSigner {
    env: Env,
    id: String,
    key: [u8; MAC_BYTES],
}

impl PreviewSigner {
    /// Good for [`limits::PREVIEW_LIFETIME`].
    pub(crate) fn url(&self, key: MediaKey) -> String {
        let end = self.env.now().plus(limits::PREVIEW_LIFETIME).unix_seconds();
        let mac = HMAC::mac(format!("{}.{end}", key.0), self.key);
        let mac = URL_SAFE_NO_PAD.encode(mac);
        format!("{}?preview={}.{end}.{mac}", key.url(), self.id)
    }
}

/// A token that has the form of one.
struct Token<'a> {
    key: &'a str,
    end: i64,
    mac: [u8; MAC_BYTES],
}

impl<'a> Token<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('.');
        let (key, end, mac) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        Some(Self {
            key,
            end: end.parse().ok()?,
            mac: mac.try_into().ok()?,
        })
    }
}

impl Tokens {
    /// What makes addresses of previews now.
    pub(crate) async fn preview_signer(&self) -> Result<PreviewSigner, PortError> {
        let env = self.env().clone();
        self.with_current_root(|root| root.signer(env)).await
    }

    /// Whether a preview's token is one of ours, for this picture, and has not ended.
    pub(crate) async fn is_preview(
        &self,
        picture: UploadId,
        token: &str,
    ) -> Result<bool, PortError> {
        let Some(token) = Token::parse(token) else {
            return Ok(false);
        };
        if self.env().now().unix_seconds() >= token.end {
            return Ok(false);
        }
        let made = |root: Root<'_>| root.made(&token, picture);
        Ok(self.with_root(token.key, made).await?.unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(number: u128) -> UploadId {
        UploadId(uuid::Uuid::from_u128(number))
    }

    fn token(root: &Root<'_>, of: UploadId, end: i64) -> String {
        let mac = HMAC::mac(format!("{of}.{end}"), root.key());
        format!("{}.{end}.{}", root.id, URL_SAFE_NO_PAD.encode(mac))
    }

    #[test]
    fn a_token_is_for_one_picture_one_time_and_one_key() {
        let root = Root::shared(&[7; 32]);
        let text = token(&root, picture(1), 1_000);
        let parsed = Token::parse(&text).expect("well formed");
        assert_eq!((parsed.key, parsed.end), ("s", 1_000));
        assert!(root.made(&parsed, picture(1)));
        assert!(!root.made(&parsed, picture(2)), "another picture");
        assert!(!Root::shared(&[8; 32]).made(&parsed, picture(1)));
        let later = text.replace(".1000.", ".1001.");
        let later = Token::parse(&later).expect("well formed");
        assert!(!root.made(&later, picture(1)), "another end");
    }

    #[test]
    fn a_mac_of_the_signing_key_itself_is_no_token() {
        let secret = [7; 32];
        let signed = format!("{}.1000", picture(1));
        let mac = URL_SAFE_NO_PAD.encode(HMAC::mac(signed, secret));
        let text = format!("s.1000.{mac}");
        let parsed = Token::parse(&text).expect("well formed");
        assert!(!Root::shared(&secret).made(&parsed, picture(1)));
    }

    #[test]
    fn what_has_another_form_is_no_token() {
        let good = token(&Root::shared(&[7; 32]), picture(1), 1_000);
        let long = format!("{good}A");
        let more = format!("{good}.x");
        for bad in ["", ".", "..", "s.1000.", "s.x.AAAA", &long, &more] {
            assert!(Token::parse(bad).is_none(), "{bad:?}");
        }
    }
}
