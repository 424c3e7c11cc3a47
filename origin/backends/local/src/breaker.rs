//! A circuit breaker: after several failures in a row a service is left alone for a while, then one
//! call finds out whether it is back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Clock;

/// Counts failures of one service. Time is the clock's, so that tests hold it still.
pub(crate) struct Breaker {
    clock: Arc<dyn Clock>,
    threshold: u32,
    cool_down: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calls pass; so many failed in a row.
    Closed(u32),
    /// No call passes until the cool-down is over.
    Open { since: Timestamp },
    /// One call is finding out.
    Probing { since: Timestamp },
}

/// The right to make one call; say how it went. A pass that is dropped unsaid, as when its caller went
/// away, counts as neither.
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
    said: bool,
}

impl Breaker {
    /// Opens after `threshold` failures in a row, for `cool_down`.
    pub(crate) fn new(clock: Arc<dyn Clock>, threshold: u32, cool_down: Duration) -> Self {
        Self {
            clock,
            threshold,
            cool_down,
            state: Mutex::new(State::Closed(0)),
        }
    }

    /// `None` while the service is left alone.
    pub(crate) fn pass(&self) -> Option<Pass<'_>> {
        let mut state = self.state();
        let probe = match *state {
            State::Closed(_) => false,
            State::Open { since } => {
                let now = self.clock.now();
                // A clock that was set back must not keep it open for longer.
                if since <= now && now.since(since) < self.cool_down {
                    return None;
                }
                *state = State::Probing { since };
                true
            }
            State::Probing { .. } => return None,
        };
        Some(Pass {
            breaker: self,
            probe,
            said: false,
        })
    }

    /// Whether calls pass without finding out anything.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(*self.state(), State::Closed(_))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is one word: a panic elsewhere cannot have left it half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The service answered as it should.
    pub(crate) fn succeeded(mut self) {
        self.said = true;
        let mut state = self.breaker.state();
        // A late success of a call that began before it opened proves nothing.
        if self.probe || matches!(*state, State::Closed(_)) {
            *state = State::Closed(0);
        }
    }

    /// It did not. Answers whether that was once too often: from now on it is left alone.
    pub(crate) fn failed(mut self) -> bool {
        self.said = true;
        let since = self.breaker.clock.now();
        let mut state = self.breaker.state();
        let was_open = matches!(*state, State::Open { .. });
        *state = match *state {
            State::Closed(failures) if failures.saturating_add(1) < self.breaker.threshold => {
                State::Closed(failures + 1)
            }
            State::Closed(_) => State::Open { since },
            State::Probing { .. } if self.probe => State::Open { since },
            other => other,
        };
        !was_open && matches!(*state, State::Open { .. })
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.said || !self.probe {
            return;
        }
        let mut state = self.breaker.state();
        if let State::Probing { since } = *state {
            *state = State::Open { since };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Default)]
    struct HeldClock(AtomicI64);

    impl Clock for HeldClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_ms(self.0.load(Ordering::SeqCst)).expect("in range")
        }
    }

    fn breaker() -> (Arc<HeldClock>, Breaker) {
        let clock = Arc::new(HeldClock(AtomicI64::new(1_000_000)));
        (
            clock.clone(),
            Breaker::new(clock, 3, Duration::from_secs(10)),
        )
    }

    fn fail(breaker: &Breaker, times: usize) {
        for _ in 0..times {
            breaker.pass().expect("closed").failed();
        }
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let (_, breaker) = breaker();
        fail(&breaker, 2);
        breaker.pass().expect("closed").succeeded();
        fail(&breaker, 3);
        assert!(breaker.pass().is_none());
    }

    #[test]
    fn one_call_finds_out_after_the_cool_down() {
        let (clock, breaker) = breaker();
        fail(&breaker, 3);
        clock.0.fetch_add(9_999, Ordering::SeqCst);
        assert!(breaker.pass().is_none());
        clock.0.fetch_add(1, Ordering::SeqCst);
        let probe = breaker.pass().expect("half-open");
        assert!(breaker.pass().is_none(), "one at a time");
        probe.failed();
        assert!(breaker.pass().is_none(), "open again");
        clock.0.fetch_add(10_000, Ordering::SeqCst);
        breaker.pass().expect("half-open").succeeded();
        fail(&breaker, 2);
        assert!(breaker.pass().is_some(), "counts from nothing again");
    }

    #[test]
    fn a_probe_that_goes_away_lets_another_one_try() {
        let (clock, breaker) = breaker();
        fail(&breaker, 3);
        clock.0.fetch_add(10_000, Ordering::SeqCst);
        drop(breaker.pass().expect("half-open"));
        assert!(breaker.pass().is_some());
    }

    #[test]
    fn a_late_success_does_not_close_it() {
        let (_, breaker) = breaker();
        let late = breaker.pass().expect("closed");
        fail(&breaker, 3);
        late.succeeded();
        assert!(breaker.pass().is_none());
    }

    #[test]
    fn a_clock_set_back_does_not_hold_it_open() {
        let (clock, breaker) = breaker();
        fail(&breaker, 3);
        clock.0.store(0, Ordering::SeqCst);
        assert!(breaker.pass().is_some());
    }
}
