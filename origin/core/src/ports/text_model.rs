use async_trait::async_trait;

use crate::error::PortError;
use crate::moderation::Judgement;

/// Judges texts: stage 2 of the check of a post.
#[async_trait]
pub trait TextModel: Send + Sync {
    /// For records and logs; never changes.
    fn name(&self) -> &str;

    /// Judges a text. Errors are never judgements. [`Judgement::Unjudged`] only where no model is
    /// configured.
    async fn judge(&self, text: &str) -> Result<Judgement, PortError>;

    /// Whether it would answer; for `doctor`.
    async fn ping(&self) -> Result<(), PortError>;
}
