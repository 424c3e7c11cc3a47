use async_trait::async_trait;
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::Judgement;
use sluicegate_core::ports::TextModel;

/// Stands in where no model is configured: judges nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoModel;

#[async_trait]
impl TextModel for NoModel {
    fn name(&self) -> &'static str {
        "none"
    }

    async fn judge(&self, _: &str) -> Result<Judgement, PortError> {
        Ok(Judgement::Unjudged)
    }

    async fn ping(&self) -> Result<(), PortError> {
        Ok(())
    }
}
