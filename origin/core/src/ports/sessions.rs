use async_trait::async_trait;
use sluicegate_contract::ids::SessionId;
use sluicegate_contract::time::Timestamp;

use crate::error::PortError;
use crate::session::{NewSession, RefreshHash, Rotation, SigningKey};

/// Sessions and their refresh tokens.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Starts a session.
    async fn start(&self, session: &NewSession) -> Result<(), PortError>;

    /// Whether a session lives: started, not ended, not expired at `now`.
    async fn is_live(&self, id: SessionId, now: Timestamp) -> Result<bool, PortError>;

    /// Puts `new` in the place of `presented`. Of two calls with the same token one wins, the other
    /// sees `Reused` and the session ends: it cannot be told from a thief.
    async fn rotate(
        &self,
        presented: &RefreshHash,
        new: &RefreshHash,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Rotation, PortError>;

    /// Ends a session. Idempotent.
    async fn end(&self, id: SessionId, now: Timestamp) -> Result<(), PortError>;
}

/// The keys that sign access tokens where no `JWT_SECRET` is set.
#[async_trait]
pub trait SigningKeyStore: Send + Sync {
    /// All keys, the newest first.
    async fn keys(&self) -> Result<Vec<SigningKey>, PortError>;

    /// Adds `key` if there is none at all. Replicas that start together end with the same one.
    async fn add_first(&self, key: &SigningKey) -> Result<(), PortError>;
}
