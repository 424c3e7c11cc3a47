//! Who is being waited for, and whether anything moves.

use std::cell::Cell;
use std::time::Duration;

use sluicegate_guest::wasi::pause;

const TICK: Duration = Duration::from_secs(5);
/// Ticks without a byte from the client.
const CLIENT_PATIENCE: u32 = 6;
/// Ticks in which the store neither takes a byte nor answers.
const STORE_PATIENCE: u32 = 3;

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    Client,
    Store,
}

/// What moved last.
pub(crate) struct Progress {
    steps: Cell<u64>,
    waiting: Cell<Waiting>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            steps: Cell::new(0),
            waiting: Cell::new(Waiting::Store),
        }
    }

    /// Something moved, and now it is their turn.
    pub(crate) fn wait_for(&self, waiting: Waiting) {
        self.steps.set(self.steps.get().wrapping_add(1));
        self.waiting.set(waiting);
    }

    /// Ends when nothing has moved for too long, with who is to blame.
    pub(crate) async fn stalled(&self) -> Waiting {
        let (mut seen, mut idle) = (self.steps.get(), 0);
        loop {
            pause(TICK).await;
            idle = if self.steps.get() == seen {
                idle + 1
            } else {
                0
            };
            seen = self.steps.get();
            let waiting = self.waiting.get();
            let patience = match waiting {
                Waiting::Client => CLIENT_PATIENCE,
                Waiting::Store => STORE_PATIENCE,
            };
            if idle >= patience {
                return waiting;
            }
        }
    }
}
