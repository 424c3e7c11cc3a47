//! A cache that keeps nothing, for tests of who is told of changes, and of what works without one.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sluicegate_contract::ids::AccountId;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{Found, PublicCache, Versions};
use sluicegate_core::public::{Change, Item};

/// Remembers which changes it was told of, in their order.
#[derive(Debug, Default)]
pub struct Told {
    changes: Mutex<Vec<Change>>,
    is_down: bool,
}

impl Told {
    /// One that cannot be reached: each call fails, and is remembered all the same.
    pub fn down() -> Self {
        Self {
            is_down: true,
            ..Self::default()
        }
    }

    /// The changes since this was asked last.
    pub fn changes(&self) -> Vec<Change> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut changes)
    }

    fn answer<T>(&self, answer: T) -> Result<T, PortError> {
        if self.is_down {
            return Err(PortError::unavailable("cache", "nobody there"));
        }
        Ok(answer)
    }
}

#[async_trait]
impl PublicCache for Told {
    async fn get(&self, _: &Item) -> Result<Found, PortError> {
        self.answer(Found::Missing(None))
    }

    async fn put(
        &self,
        _: &Item,
        _: &Versions,
        _: Option<AccountId>,
        _: &[u8],
    ) -> Result<(), PortError> {
        self.answer(())
    }

    async fn forget(&self, change: Change) -> Result<(), PortError> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.push(change);
        self.answer(())
    }
}
