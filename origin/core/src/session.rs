//! Sessions: log-ins with rotating refresh tokens (RFC 9700, section 4.14.2).

use sluicegate_contract::ids::{AccountId, SessionId};
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::token::Role;

/// SHA-256 of a refresh token. Tokens carry 256 random bits, so a plain hash is enough.
pub type RefreshHash = [u8; 32];

/// SHA-256 of a device token, which carries 256 random bits too.
pub type DeviceHash = [u8; 32];

/// A new session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Its id, `sid` in tokens.
    pub id: SessionId,
    /// Whose.
    pub account: AccountId,
    /// The first refresh token's hash.
    pub refresh: RefreshHash,
    /// The device; from now on the account knows it.
    pub device: DeviceHash,
    /// When.
    pub created_at: Timestamp,
    /// When it ends if nobody refreshes.
    pub expires_at: Timestamp,
}

/// A session that lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveSession {
    /// Whose it is.
    pub account: AccountId,
    /// What the account may do now; a token says what it might when it was made.
    pub role: Role,
}

/// What came of a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The token was the newest one; the new one is stored in its place.
    Rotated {
        /// The session goes on.
        session: SessionId,
        /// Whose it is.
        account: AccountId,
    },
    /// The token had been used before: somebody has a copy. The session was ended.
    Reused,
    /// Never heard of, ended, or expired.
    Unknown,
}

/// A key that signs access tokens (Ed25519).
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// `kid` in tokens and in the JWKS.
    pub id: String,
    /// The 64 bytes of seed and public key.
    pub secret: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs: [`signing`](crate::signing) says how long.
    pub signs_from: Timestamp,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
