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

    #[tokio::test]
    async fn the_line_is_bounded_and_nobody_waits_for_ever() {
        let gate = Gate::new(1, 1, Duration::from_millis(20));
        let first = gate.enter().await.expect("free");
        let second = gate.enter();
        tokio::pin!(second);
        assert!(
            futures_util::poll!(&mut second).is_pending(),
            "waits in line"
        );
        let third = gate.enter();
        tokio::pin!(third);
        assert!(matches!(
            futures_util::poll!(&mut third),
            std::task::Poll::Ready(Err(_))
        ));
        assert!(second.await.is_err(), "patience ends");
        drop(first);
        gate.enter().await.expect("free again");
    }
}
