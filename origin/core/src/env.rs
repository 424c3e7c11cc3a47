//! Time, randomness and ids, passed in so that tests can hold them still.

use std::sync::Arc;

use sluicegate_contract::time::Timestamp;
use uuid::Uuid;

/// Tells the time. Never goes back by more than the machine's clock does.
pub trait Clock: Send + Sync {
    /// Now, UTC, to the millisecond.
    fn now(&self) -> Timestamp;
}

/// A source of bytes that nobody can predict.
pub trait Entropy: Send + Sync {
    /// Fills the whole buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// What a process is given of the world.
#[derive(Clone)]
pub struct Env {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, good enough for keys and tokens.
    pub entropy: Arc<dyn Entropy>,
}

impl Env {
    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh `UUIDv7` (RFC 9562): sorts by the millisecond in which it was made.
    pub fn new_id(&self) -> Uuid {
        let mut random = [0_u8; 10];
        self.entropy.fill(&mut random);
        let ms = u64::try_from(self.now().unix_ms()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
    }

    /// `N` random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }
}
