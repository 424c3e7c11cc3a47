use async_trait::async_trait;
use bytes::Bytes;

use crate::error::PortError;
use crate::moderation::Judgement;

/// Judges pictures.
#[async_trait]
pub trait Detector: Send + Sync {
    /// For records, logs and `/readyz`; never changes.
    fn name(&self) -> &str;

    /// Judges a JPEG. An outage, a time-out, an answer that makes no sense: all are errors, never a
    /// judgement. [`Judgement::Unjudged`] only where no detector is configured.
    async fn classify(&self, jpeg: Bytes) -> Result<Judgement, PortError>;

    /// Whether it would answer; for `doctor`.
    async fn ping(&self) -> Result<(), PortError>;
}
