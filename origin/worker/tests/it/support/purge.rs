#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{Purge, PurgeHook};

/// Remembers what it took on.
#[derive(Default)]
pub(crate) struct FlakyPurge {
    down: AtomicBool,
    refused: AtomicUsize,
    taken: Mutex<Vec<Purge>>,
}

impl FlakyPurge {
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    pub(crate) fn taken(&self) -> Vec<Purge> {
        self.taken.lock().unwrap().clone()
    }
}

#[async_trait]
impl PurgeHook for FlakyPurge {
    fn name(&self) -> &'static str {
        "flaky"
    }

    async fn purge(&self, purge: &Purge) -> Result<(), PortError> {
        if self.down.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(PortError::unavailable("purge hook", "told to be down"));
        }
        self.taken.lock().unwrap().push(*purge);
        Ok(())
    }

    async fn ping(&self) -> Result<(), PortError> {
        Ok(())
    }
}
