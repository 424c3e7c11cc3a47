use async_trait::async_trait;

use crate::error::PortError;
use crate::public::{Change, Item};

/// The versions that something was read under. Only a cache makes and reads one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions(pub String);

/// What a cache has of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It, as it was put.
    Kept(Vec<u8>),
    /// Nothing. With versions, it may be put after it was read; without, it must not be kept now.
    Missing(Option<Versions>),
}

/// Keeps what everybody may read for [`KEPT_FOR`](crate::public::KEPT_FOR): see [`crate::public`]. It may lose anything at
/// any time, and forget more than it was told to. No error of it is anybody's but the log's.
#[async_trait]
pub trait PublicCache: Send + Sync {
    /// What is kept; else the versions to read it under.
    async fn get(&self, item: &Item) -> Result<Found, PortError>;

    /// Keeps what was read after [`get`](Self::get) gave these versions. If something that it hangs on changed since, nobody
    /// is ever shown it.
    async fn put(
        &self,
        item: &Item,
        read_under: &Versions,
        content: &[u8],
    ) -> Result<(), PortError>;

    /// Called after a change is committed and before it is answered: nothing that was read before this is shown after it.
    /// Idempotent.
    async fn forget(&self, change: Change) -> Result<(), PortError>;
}

/// Keeps nothing.
pub struct NoCache;

#[async_trait]
impl PublicCache for NoCache {
    async fn get(&self, _: &Item) -> Result<Found, PortError> {
        Ok(Found::Missing(None))
    }

    async fn put(&self, _: &Item, _: &Versions, _: &[u8]) -> Result<(), PortError> {
        Ok(())
    }

    async fn forget(&self, _: Change) -> Result<(), PortError> {
        Ok(())
    }
}
