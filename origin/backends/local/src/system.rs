//! The machine's clock and random numbers: the one place that asks for them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::{Clock, Entropy, Env};
use time::OffsetDateTime;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the adapter by which time is passed in"
    )]
    fn now(&self) -> Timestamp {
        let elapsed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::new(OffsetDateTime::UNIX_EPOCH).plus(elapsed)
    }
}

/// The operating system's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the adapter by which randomness is passed in"
    )]
    #[expect(
        clippy::expect_used,
        reason = "going on with predictable keys and ids would be worse"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives random numbers");
    }
}

/// Real time and randomness.
pub fn system_env() -> Env {
    Env {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_ours_and_ids_differ() {
        let env = system_env();
        assert!(env.now().unix_ms() > 1_790_000_000_000, "{}", env.now());
        assert_ne!(env.new_id(), env.new_id());
        assert_eq!(env.new_id().get_version_num(), 7);
    }
}
