#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::{Clock, Env};
use sluicegate_local::{SystemClock, SystemEntropy};

/// A clock that can be put forward, so that pauses of hours pass at once. In between it stands still, or
/// goes on as the machine's does.
#[derive(Clone)]
pub(crate) struct TestClock {
    still: Option<Timestamp>,
    forward: Arc<AtomicU64>,
}

impl TestClock {
    pub(crate) fn still() -> Self {
        Self {
            still: Some(SystemClock.now()),
            forward: Arc::default(),
        }
    }

    pub(crate) fn real() -> Self {
        Self {
            still: None,
            forward: Arc::default(),
        }
    }

    /// Only while no job runs: its lease would end.
    pub(crate) fn put_forward(&self, by: Duration) {
        self.forward
            .fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn env(&self) -> Env {
        Env {
            clock: Arc::new(self.clone()),
            entropy: Arc::new(SystemEntropy),
        }
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let base = self.still.unwrap_or_else(|| SystemClock.now());
        base.plus(Duration::from_millis(self.forward.load(Ordering::SeqCst)))
    }
}
