//! A bound on work that runs at once, with a bounded line in front of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// Lets so many through at once, so many wait, and nobody wait longer than that.
pub(crate) struct Gate {
    slots: Arc<Semaphore>,
    line: Arc<Semaphore>,
    patience: Duration,
}

impl Gate {
    /// `slots` at once; `line` times as many more may wait.
    pub(crate) fn new(slots: usize, line: usize, patience: Duration) -> Self {
        let slots = slots.max(1);
        let all = slots
            .saturating_mul(line.saturating_add(1))
            .min(Semaphore::MAX_PERMITS);
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            line: Arc::new(Semaphore::new(all)),
            patience,
        }
    }

    /// Waits for a slot, which is held as long as the pass is.
    pub(crate) async fn enter(&self) -> Result<Pass, ApiError> {
        let place = Arc::clone(&self.line)
            .try_acquire_owned()
            .map_err(|_| busy())?;
        let slot = tokio::time::timeout(self.patience, Arc::clone(&self.slots).acquire_owned());
        match slot.await {
            Ok(Ok(slot)) => Ok(Pass {
                _slot: slot,
                _place: place,
            }),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}

/// The right to run, given back when dropped.
pub(crate) struct Pass {
    _slot: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

fn busy() -> ApiError {
    ApiError::unavailable("Too much of this is going on at once.", 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a future says when it is looked at once.
    async fn at_once<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        tokio::time::timeout(Duration::ZERO, future).await.ok()
    }

    #[tokio::test]
    async fn the_line_is_bounded_and_nobody_waits_for_ever() {
        let gate = Gate::new(1, 1, Duration::from_millis(50));
        let first = gate.enter().await.expect("free");
        let mut second = std::pin::pin!(gate.enter());
        assert!(at_once(second.as_mut()).await.is_none(), "waits in line");
        let third = std::pin::pin!(gate.enter());
        assert!(
            at_once(third).await.is_some_and(|entered| entered.is_err()),
            "the line is full"
        );
        assert!(second.await.is_err(), "patience ends");
        drop(first);
        gate.enter().await.expect("free again");
    }
}
