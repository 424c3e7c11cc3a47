//! How fast somebody may ask: so many requests in a window, as a bucket that fills evenly (GCRA).
//!
//! All that is remembered of somebody is one moment: when their bucket will be full again. Who asks pushes it into the
//! future by one request's share of the window; who would push it further than the window is refused, and that costs
//! nothing. So a burst of the whole number is let through at once, and after it one request a share.

use std::time::Duration;

/// A number of requests in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    requests: u32,
    window: Duration,
}

/// The longest window: what is remembered stays small and short-lived.
const LONGEST: Duration = Duration::from_hours(24);

impl Rate {
    /// At least one request; a window of 1 ms to a day.
    pub fn new(requests: u32, window: Duration) -> Self {
        Self {
            requests: requests.max(1),
            window: window.clamp(Duration::from_millis(1), LONGEST),
        }
    }

    /// So many requests.
    pub fn requests(&self) -> u32 {
        self.requests
    }

    /// In that time.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// The window in microseconds.
    pub fn window_us(&self) -> i64 {
        i64::try_from(self.window.as_micros()).unwrap_or(i64::MAX)
    }

    /// One request's share of the window, in microseconds; never nothing.
    pub fn share_us(&self) -> i64 {
        (self.window_us() / i64::from(self.requests)).max(1)
    }

    /// One request at `now`, by somebody whose bucket is full at `full_at` (both in microseconds of one clock; `None`:
    /// nothing is remembered). Answers what to tell them, and what to remember; refusals change nothing.
    ///
    /// A bucket cannot be full later than a window from now: a clock that was set back keeps nobody out for longer.
    pub fn admit(&self, full_at: Option<i64>, now: i64) -> (Standing, Option<i64>) {
        let (window, share) = (self.window_us(), self.share_us());
        let full_at = full_at
            .unwrap_or(now)
            .clamp(now, now.saturating_add(window));
        let next = full_at.saturating_add(share);
        let used = next.saturating_sub(now);
        if used > window {
            let wait = used.saturating_sub(window);
            return (Standing::refused(wait), None);
        }
        let left = window.saturating_sub(used) / share;
        (Standing::admitted(left), Some(next))
    }
}

/// What came of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether it may go on.
    pub admitted: bool,
    /// How many more could follow at once.
    pub left: u32,
    /// How long until the next one could: nothing while it may go on.
    pub retry_after: Duration,
}

impl Standing {
    /// It may go on; `left` more could follow.
    pub fn admitted(left: i64) -> Self {
        Self {
            admitted: true,
            left: u32::try_from(left.max(0)).unwrap_or(u32::MAX),
            retry_after: Duration::ZERO,
        }
    }

    /// It may not, for so many microseconds.
    pub fn refused(wait_us: i64) -> Self {
        Self {
            admitted: false,
            left: 0,
            retry_after: Duration::from_micros(u64::try_from(wait_us).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn a_burst_passes_and_then_one_a_share() {
        let rate = Rate::new(3, Duration::from_secs(3));
        let mut full_at = None;
        for left in [2, 1, 0] {
            let (standing, next) = rate.admit(full_at, 0);
            assert_eq!(standing, Standing::admitted(left));
            full_at = next;
        }
        let (refused, next) = rate.admit(full_at, SECOND / 4);
        assert_eq!(refused, Standing::refused(3 * SECOND / 4));
        assert_eq!(next, None, "a refusal costs nothing");
        assert!(rate.admit(full_at, SECOND - 1).0.retry_after > Duration::ZERO);
        let (standing, next) = rate.admit(full_at, SECOND);
        assert_eq!(standing, Standing::admitted(0));
        assert!(!rate.admit(next, SECOND).0.admitted);
        // Nobody saves up more than a window.
        assert_eq!(rate.admit(next, 100 * SECOND).0.left, 2);
    }

    #[test]
    fn what_does_not_divide_evenly_lets_exactly_so_many_through() {
        for requests in [1, 7, 11, 1_000] {
            let rate = Rate::new(requests, Duration::from_mins(1));
            let (mut full_at, mut passed) = (None, 0);
            loop {
                let (standing, next) = rate.admit(full_at, 5);
                if !standing.admitted {
                    break;
                }
                passed += 1;
                full_at = next;
            }
            assert_eq!(passed, requests);
        }
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_out_for_longer_than_a_window() {
        let rate = Rate::new(2, Duration::from_secs(10));
        let (standing, _) = rate.admit(Some(1_000_000 * SECOND), 0);
        assert_eq!(standing, Standing::refused(5 * SECOND));
    }

    #[test]
    fn no_rate_is_nothing_or_endless() {
        let rate = Rate::new(0, Duration::ZERO);
        assert_eq!((rate.requests(), rate.window_us()), (1, 1_000));
        assert_eq!(Rate::new(u32::MAX, Duration::from_millis(1)).share_us(), 1);
        assert_eq!(Rate::new(1, Duration::MAX).window(), LONGEST);
    }
}
