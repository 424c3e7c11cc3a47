//! Jobs that Redis delivered, and that a rate holds back.
//!
//! All of them would come back together else when the next may begin, and all but one pay for nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sluicegate_contract::time::Timestamp;

/// However many stand in it, each comes so long after the first at the latest.
const LONGEST: Duration = Duration::from_secs(30);

/// One after the other, as seen by one worker.
#[derive(Default)]
pub(crate) struct Line {
    last: Mutex<Option<Timestamp>>,
}

impl Line {
    /// When one comes again that may not begin before `until`: so long after the one before it. `random` spreads those for which
    /// the line is too long.
    pub(crate) fn next(&self, until: Timestamp, apart: Duration, random: u8) -> Timestamp {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let next = last.map_or(until, |last| until.max(last.plus(apart)));
        if next > until.plus(LONGEST) {
            return until.plus(LONGEST * (255 + u32::from(random)) / 510);
        }
        *last = Some(next);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_held_stands_in_line_but_not_for_long() {
        let line = Line::default();
        let until = Timestamp::from_unix_ms(1_795_521_600_000).unwrap();
        let after = |ms| until.plus(Duration::from_millis(ms));
        let half = Duration::from_millis(500);
        for ms in [0, 500, 1_000] {
            assert_eq!(line.next(until, half, 0), after(ms));
        }
        let alone = line.next(after(5_000), half, 0);
        assert_eq!(alone, after(5_000), "nobody is before it");
        let far = Duration::from_hours(1);
        assert_eq!(line.next(until, far, 0), after(15_000));
        assert_eq!(line.next(until, far, 255), after(30_000));
    }
}
