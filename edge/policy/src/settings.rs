//! The components' settings: variables of the application, checked before they are used.

use sluicegate_contract::limits;

use crate::authenticator::Authenticator;
use crate::cors::Cors;
use crate::jwks::{JwksError, KeySet};
use crate::token::{Expectations, WeakSecret};
use crate::url::{HttpUrl, InvalidUrl};

/// A setting that cannot be used. Says nothing of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// `origin_url`
    #[error("origin_url: {0}")]
    Origin(#[from] InvalidUrl),
    /// `jwt_secret`
    #[error("jwt_secret: {0}")]
    Secret(#[from] WeakSecret),
    /// `jwt_keys`
    #[error("jwt_keys: {0}")]
    Keys(#[from] JwksError),
    /// `limit_picture_bytes`
    #[error("limit_picture_bytes: must be 1 to {}", limits::PICTURE_BYTES)]
    PictureLimit,
    /// `jwt_issuer` or `jwt_audience`
    #[error("{0} must not be empty")]
    Empty(&'static str),
}

/// The variables as they are written.
#[derive(Clone, Default)]
pub struct Variables {
    /// `origin_url`
    pub origin_url: String,
    /// `jwt_secret`; empty for keys from the origin's JWKS.
    pub jwt_secret: String,
    /// `jwt_keys`: a JWKS to begin with, before the origin was asked for its own; may be empty.
    pub jwt_keys: String,
    /// `jwt_issuer`
    pub jwt_issuer: String,
    /// `jwt_audience`
    pub jwt_audience: String,
    /// `edge_key`; may be empty.
    pub edge_key: String,
    /// `limit_picture_bytes`; empty for the limit of the API, which it can only lower.
    pub limit_picture_bytes: String,
    /// `cors_allowed_origins`; comma-separated, may be empty.
    pub cors_allowed_origins: String,
}

/// The settings as they are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the origin is.
    pub origin: HttpUrl,
    /// The secret shared with the origin.
    pub edge_key: Option<String>,
    /// The largest picture that is let in, in bytes.
    pub picture_limit: u64,
    /// Other sites that may call.
    pub cors: Cors,
}

impl Variables {
    /// Checks them, and makes what decides about tokens.
    pub fn check(self) -> Result<(Settings, Authenticator), SettingsError> {
        for (name, value) in [
            ("jwt_issuer", &self.jwt_issuer),
            ("jwt_audience", &self.jwt_audience),
        ] {
            if value.is_empty() {
                return Err(SettingsError::Empty(name));
            }
        }
        let expected = Expectations {
            issuer: self.jwt_issuer,
            audience: self.jwt_audience,
        };
        let base = match self.jwt_keys.trim() {
            "" => None,
            keys => Some(KeySet::parse(keys.as_bytes())?),
        };
        let authenticator = Authenticator::new(self.jwt_secret.as_bytes(), base, expected)?;
        let settings = Settings {
            origin: HttpUrl::parse(self.origin_url.trim())?,
            edge_key: Some(self.edge_key).filter(|key| !key.is_empty()),
            picture_limit: picture_limit(self.limit_picture_bytes.trim())?,
            cors: Cors::parse(&self.cors_allowed_origins),
        };
        Ok((settings, authenticator))
    }
}

fn picture_limit(text: &str) -> Result<u64, SettingsError> {
    if text.is_empty() {
        return Ok(limits::PICTURE_BYTES);
    }
    text.parse()
        .ok()
        .filter(|limit| (1..=limits::PICTURE_BYTES).contains(limit))
        .ok_or(SettingsError::PictureLimit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Variables {
        Variables {
            origin_url: "http://127.0.0.1:8080".into(),
            jwt_issuer: "sluicegate".into(),
            jwt_audience: "sluicegate".into(),
            ..Variables::default()
        }
    }

    #[test]
    fn empty_secrets_are_no_secrets() {
        let (settings, _) = good().check().expect("usable");
        assert_eq!(settings.edge_key, None);
        assert_eq!(settings.cors, Cors::default());
    }

    #[test]
    fn the_picture_limit_can_only_be_lowered() {
        let limit = |text: &str| {
            let variables = Variables {
                limit_picture_bytes: text.into(),
                ..good()
            };
            variables
                .check()
                .map(|(settings, _)| settings.picture_limit)
        };
        for (text, is) in [
            ("", 10_485_760),
            ("10485760", 10_485_760),
            (" 1000 ", 1_000),
        ] {
            assert_eq!(limit(text).ok(), Some(is), "{text:?}");
        }
        for text in ["0", "-1", "10485761", "10 MB", "1e3"] {
            assert_eq!(
                limit(text).err(),
                Some(SettingsError::PictureLimit),
                "{text:?}"
            );
        }
    }

    #[test]
    fn bad_ones_are_named_without_their_value() {
        let short = Variables {
            jwt_secret: "hunter2".into(),
            ..good()
        };
        let error = short.check().err().expect("refused").to_string();
        assert!(error.starts_with("jwt_secret:") && !error.contains("hunter2"));
        let nowhere = Variables {
            origin_url: "origin".into(),
            ..good()
        };
        assert_eq!(
            nowhere.check().err(),
            Some(SettingsError::Origin(InvalidUrl))
        );
        let keyless = Variables {
            jwt_keys: r#"{"keys":[{"kty":"RSA","kid":"x"}]}"#.into(),
            ..good()
        };
        assert_eq!(
            keyless.check().err(),
            Some(SettingsError::Keys(JwksError::NoUsableKey))
        );
        let nameless = Variables {
            jwt_issuer: String::new(),
            ..good()
        };
        assert_eq!(
            nameless.check().err(),
            Some(SettingsError::Empty("jwt_issuer"))
        );
    }
}
