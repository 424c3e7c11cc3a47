//! An outage is told of once when it begins, and once when it is over.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::env::Env;

/// What fails and goes well by turns is out until it has gone well for so long.
pub const QUIET: Duration = Duration::from_secs(1);

/// None of it.
const NEVER: i64 = i64::MIN;

/// Whether something that is called again and again is out, so that a flood of calls is no flood of lines in the log.
pub struct Outage {
    env: Env,
    /// In milliseconds, while it is out.
    failed_at: AtomicI64,
}

impl Outage {
    /// Not yet.
    pub fn new(env: Env) -> Self {
        Self {
            env,
            failed_at: AtomicI64::new(NEVER),
        }
    }

    /// A call failed: `true` if an outage begins with it.
    pub fn failed(&self) -> bool {
        let now = self.env.now().unix_ms();
        self.failed_at.swap(now, Ordering::Relaxed) == NEVER
    }

    /// A call went well: `true` if an outage is over with it, for one of all that are made at once.
    pub fn went_well(&self) -> bool {
        let failed_at = self.failed_at.load(Ordering::Relaxed);
        if failed_at == NEVER {
            return false;
        }
        let since = self.env.now().unix_ms().saturating_sub(failed_at);
        let quiet = i64::try_from(QUIET.as_millis()).unwrap_or(i64::MAX);
        // Whoever fails or says so meanwhile is right.
        since >= quiet
            && self
                .failed_at
                .compare_exchange(failed_at, NEVER, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use sluicegate_contract::time::Timestamp;

    use super::*;
    use crate::env::{Clock, Entropy};

    struct Held(Mutex<Timestamp>);

    impl Clock for Held {
        fn now(&self) -> Timestamp {
            *self.0.lock().expect("nobody panicked")
        }
    }

    impl Entropy for Held {
        fn fill(&self, _: &mut [u8]) {}
    }

    #[test]
    fn beginning_and_end_are_told_once() {
        let start = Timestamp::from_unix_ms(1_800_000_000_000).expect("a time");
        let clock = Arc::new(Held(Mutex::new(start)));
        let later = |ms| {
            let mut now = clock.0.lock().expect("nobody panicked");
            *now = now.plus(Duration::from_millis(ms));
        };
        let outage = Outage::new(Env {
            clock: clock.clone(),
            entropy: clock.clone(),
        });
        assert!(!outage.went_well());
        assert!(outage.failed());
        // By turns, for a while.
        for _ in 0..100 {
            later(500);
            assert!(!outage.went_well() && !outage.failed());
        }
        later(999);
        assert!(!outage.went_well());
        later(1);
        assert!(outage.went_well());
        assert!(!outage.went_well());
        assert!(outage.failed());
    }
}
