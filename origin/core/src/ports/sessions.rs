use async_trait::async_trait;
use sluicegate_contract::ids::SessionId;
use sluicegate_contract::time::Timestamp;

use crate::answer::{Repeat, RequestName};
use crate::error::PortError;
use crate::session::{DeviceHash, LiveSession, NewSession, RefreshHash, Rotation, SigningKey};

/// How many devices an account knows.
pub const KNOWN_DEVICES: u32 = 20;

/// Why a session did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartSessionError {
    /// Its name is taken: by a request that is being worked on, or by another one.
    #[error("the request has a name that is known")]
    Repeated(Repeat),
    /// The database could not do it.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Sessions and their refresh tokens.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Starts a session, and notes its device. An account knows the [`KNOWN_DEVICES`] devices that were used last.
    async fn start(&self, session: &NewSession) -> Result<(), PortError>;

    /// The same under a name. While the session lives that began under it, that one goes on with the new tokens instead: those
    /// of the first answer may never have arrived, and are used up. Of calls with one name that come at once, one is made; the
    /// others are told [`Repeat::Running`] while it is. Whoever calls has checked that it is the account's owner who asks.
    async fn start_once(
        &self,
        session: &NewSession,
        name: &RequestName,
    ) -> Result<SessionId, StartSessionError>;

    /// Whether the account with that handle knows the device: a session of it began there.
    async fn knows_device(&self, handle: &str, device: &DeviceHash) -> Result<bool, PortError>;

    /// Whose a session is, if it lives: started, not ended, not expired at `now`.
    async fn live(&self, id: SessionId, now: Timestamp) -> Result<Option<LiveSession>, PortError>;

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
    /// All keys, the one that signs last first.
    async fn keys(&self) -> Result<Vec<SigningKey>, PortError>;

    /// Adds `key` if there is none at all. Replicas that start together end with the same one.
    async fn add_first(&self, key: &SigningKey) -> Result<(), PortError>;

    /// Adds `key` unless another one waits at `now` to sign; says whether it did.
    async fn add(&self, key: &SigningKey, now: Timestamp) -> Result<bool, PortError>;

    /// Deletes keys. Idempotent.
    async fn delete(&self, ids: &[String]) -> Result<(), PortError>;
}
