use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::{Clock, Entropy, Env};

/// 2026-11-24T12:00:00Z
const START: i64 = 1_795_521_600_000;

/// Moves a millisecond with each look, so that ids sort, and otherwise only when told.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(
            i64::try_from(by.as_millis()).expect("fits"),
            Ordering::SeqCst,
        );
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.fetch_add(1, Ordering::SeqCst)).expect("in range")
    }
}

/// Hashes of a counter.
struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for part in buffer.chunks_mut(32) {
            let hash = Sha256::digest(self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            part.copy_from_slice(&hash[..part.len()]);
        }
    }
}

pub(crate) fn environment() -> (Env, Arc<TestClock>) {
    let clock = Arc::new(TestClock(AtomicI64::new(START)));
    let entropy = Arc::new(TestEntropy(AtomicU64::new(0)));
    (
        Env {
            clock: clock.clone(),
            entropy,
        },
        clock,
    )
}
