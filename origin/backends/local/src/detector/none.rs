use async_trait::async_trait;
use bytes::Bytes;
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::Judgement;
use sluicegate_core::ports::Detector;

/// Stands in where no detector is configured: judges nothing, so that pictures stay unreviewed.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDetector;

#[async_trait]
impl Detector for NoDetector {
    fn name(&self) -> &'static str {
        "none"
    }

    async fn classify(&self, _: Bytes) -> Result<Judgement, PortError> {
        Ok(Judgement::Unjudged)
    }

    async fn ping(&self) -> Result<(), PortError> {
        Ok(())
    }
}
