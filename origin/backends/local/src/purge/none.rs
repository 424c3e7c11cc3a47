use async_trait::async_trait;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{Purge, PurgeHook};

/// Stands in where no hook is configured: nobody is told, and caches keep what they have for as long as they
/// were allowed to.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPurgeHook;

#[async_trait]
impl PurgeHook for NoPurgeHook {
    fn name(&self) -> &'static str {
        "none"
    }

    async fn purge(&self, _: &Purge) -> Result<(), PortError> {
        Ok(())
    }

    async fn ping(&self) -> Result<(), PortError> {
        Ok(())
    }
}
