use async_trait::async_trait;
use sluicegate_contract::ids::JobId;
use sluicegate_contract::media::MediaKey;

use crate::error::PortError;

/// A picture that was removed, and that caches in front of the edges must forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purge {
    /// The same for each attempt at one removal.
    pub id: JobId,
    /// The picture.
    pub key: MediaKey,
}

/// Tells the caches in front of the edges that a picture is gone.
#[async_trait]
pub trait PurgeHook: Send + Sync {
    /// For logs and `doctor`; never changes.
    fn name(&self) -> &str;

    /// Returns once somebody has taken it on. May be called again with the same purge, after an error and
    /// after a success that was lost; the receiver can tell by its id.
    async fn purge(&self, purge: &Purge) -> Result<(), PortError>;

    /// Whether it would answer; for `doctor`. Purges nothing.
    async fn ping(&self) -> Result<(), PortError>;
}
