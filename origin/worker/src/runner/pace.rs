//! Pauses that grow.

use std::time::Duration;

use sluicegate_core::env::Env;

/// A pause that doubles from `least` to `most`, each time up to a fifth shorter at random, so that workers that
/// began together do not stay together.
pub(super) struct Pace {
    least: Duration,
    most: Duration,
    next: Duration,
}

impl Pace {
    pub(super) fn new(least: Duration, most: Duration) -> Self {
        Self {
            least,
            most,
            next: least,
        }
    }

    pub(super) fn reset(&mut self) {
        self.next = self.least;
    }

    pub(super) fn pause(&mut self, env: &Env) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.most);
        pause.mul_f64(1.0 - 0.2 * share(env))
    }
}

/// A random number from 0 to 1.
pub(super) fn share(env: &Env) -> f64 {
    f64::from(u32::from_le_bytes(env.random::<4>())) / f64::from(u32::MAX)
}
