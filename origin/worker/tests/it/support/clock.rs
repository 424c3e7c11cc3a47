#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::{Clock, Env};
use sluicegate_local::{SystemClock, SystemEntropy};

/// The machine's clock, which can be put forward: leases end in real time, and pauses of hours pass at
/// once.
#[derive(Clone, Default)]
pub(crate) struct ShiftedClock(Arc<AtomicU64>);

impl ShiftedClock {
    pub(crate) fn put_forward(&self, by: Duration) {
        self.0
            .fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn env(&self) -> Env {
        Env {
            clock: Arc::new(self.clone()),
            entropy: Arc::new(SystemEntropy),
        }
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        SystemClock
            .now()
            .plus(Duration::from_millis(self.0.load(Ordering::SeqCst)))
    }
}
