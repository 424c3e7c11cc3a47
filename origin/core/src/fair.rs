//! Whose turn it is: priorities, shares of owners, and rates of queues.
//!
//! Both queues choose by these in the table, the workers' claim as well as the relay's.

use std::time::Duration;

use sluicegate_contract::time::Timestamp;

/// Jobs of a later priority wait for those of an earlier one, but not for ever: once the first of them has waited for
/// [`Priority::PATIENCE`] and none of its priority is in work, it is its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Before all others.
    Urgent,
    /// What a job has if nobody says otherwise.
    #[default]
    Normal,
    /// When nothing else waits.
    Low,
}

impl Priority {
    /// All of them, the first first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Low];

    /// How long the first job of a priority waits for earlier priorities, if none of its own is in work.
    pub const PATIENCE: Duration = Duration::from_secs(30);

    /// Its number in the database; smaller is earlier.
    pub fn number(self) -> i16 {
        match self {
            Self::Urgent => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }

    /// The priority of that number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|priority| priority.number() == number)
    }

    /// What operators read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// How many of a worker's places the jobs of one owner may have: three quarters, and all of fewer than four. What is left is
/// there for others, however long the jobs of the one take.
pub fn places_of_one(places: u32) -> u32 {
    places - places / 4
}

/// What whoever begins jobs keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// A worker has not more than so many jobs of one owner at once. Jobs of nobody are not counted.
    pub of_one_owner: u32,
    /// How many may begin in a time, whoever asks; `None`: as many as there are.
    pub rate: Option<Rate>,
}

impl Bounds {
    /// None.
    pub const NONE: Self = Self {
        of_one_owner: u32::MAX,
        rate: None,
    };
}

/// How many jobs of one owner wait in a queue that knows no owners: whoever comes next waits there behind them. As many as were
/// done of that owner within [`Ahead::SPAN`], since about as many begin in as long; but so many at least and at most. Jobs of
/// nobody are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// Also of an owner of whom nothing was done lately.
    pub least: u32,
    /// However fast they are done: they may take longer from one moment to the next.
    pub most: u32,
}

impl Ahead {
    /// What was done for so long is counted.
    pub const SPAN: Duration = Duration::from_millis(500);

    /// As many as there are.
    pub const UNBOUNDED: Self = Self {
        least: u32::MAX,
        most: u32::MAX,
    };
}

/// How many jobs of a queue may begin in a minute. They come evenly: what was not begun is made up for within two
/// seconds, so that a minute has no more than the share of two seconds too many, or one job if that is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Of one job.
    interval_us: i64,
    /// At once, if nothing began for two seconds.
    burst: i64,
}

/// Until when what was begun is paid for, in microseconds since 1970; 0 if nothing ever was. All who begin jobs of a
/// queue share one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PaidUntil(pub i64);

/// A minute, in microseconds.
const CLOCKS_DIFFER_BY_US: i64 = 60_000_000;

impl Rate {
    /// The most that can be told from no rate.
    pub const MOST: u32 = 1_000_000;

    /// So many jobs a minute; `None` for 0, which means no rate, and beyond [`Rate::MOST`].
    pub fn per_minute(jobs: u32) -> Option<Self> {
        (1..=Self::MOST).contains(&jobs).then(|| Self {
            interval_us: 60_000_000_i64.div_euclid(jobs.into()).max(1)
                + i64::from(60_000_000 % jobs > 0),
            burst: i64::from(jobs.div_ceil(30)),
        })
    }

    /// From one job to the next.
    pub fn interval(self) -> Duration {
        Duration::from_micros(self.interval_us.unsigned_abs())
    }

    /// How many jobs may begin now.
    pub fn places(self, paid: PaidUntil, now: Timestamp) -> u32 {
        let free =
            (self.burst * self.interval_us - self.debt(paid, now)).div_euclid(self.interval_us);
        u32::try_from(free.max(0)).unwrap_or(u32::MAX)
    }

    /// After so many jobs began now.
    #[must_use]
    pub fn pay(self, paid: PaidUntil, jobs: u32, now: Timestamp) -> PaidUntil {
        PaidUntil(micros(now) + self.debt(paid, now) + i64::from(jobs) * self.interval_us)
    }

    /// What to note instead, if a clock that was ahead noted a time that cannot be: else the queue stood until then. What clocks
    /// of several machines may differ by is left as it is, or the slower one would give the others their burst again and again.
    pub fn mended(self, paid: PaidUntil, now: Timestamp) -> Option<PaidUntil> {
        let mended = self.pay(paid, 0, now);
        (paid.0 - mended.0 > CLOCKS_DIFFER_BY_US).then_some(mended)
    }

    /// When the next job may begin.
    pub fn next(self, paid: PaidUntil, now: Timestamp) -> Timestamp {
        let wait = self.debt(paid, now) - (self.burst - 1) * self.interval_us;
        let wait = u64::try_from(wait).unwrap_or_default();
        // Times are cut to the millisecond: not before.
        now.plus(Duration::from_millis(wait.div_ceil(1_000)))
    }

    /// How far ahead of the rate it is, never further than jobs could have begun.
    fn debt(self, paid: PaidUntil, now: Timestamp) -> i64 {
        (paid.0 - micros(now)).clamp(0, self.burst * self.interval_us)
    }
}

fn micros(at: Timestamp) -> i64 {
    at.unix_ms().saturating_mul(1_000)
}

/// The rates of queues that have one.
#[derive(Debug, Clone, Default)]
pub struct Rates(Vec<(&'static str, Rate)>);

impl Rates {
    /// Of these queues; the others have none.
    pub fn new(rates: impl IntoIterator<Item = (&'static str, Option<Rate>)>) -> Self {
        let rates = rates.into_iter();
        Self(
            rates
                .filter_map(|(queue, rate)| Some((queue, rate?)))
                .collect(),
        )
    }

    /// That of a queue.
    pub fn of(&self, queue: &str) -> Option<Rate> {
        let found = self.0.iter().find(|(name, _)| *name == queue);
        found.map(|(_, rate)| *rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_795_521_600_000 + ms).expect("in range")
    }

    /// How many begin if somebody asks every `step` for `whole`, and always takes all.
    fn begun(rate: Rate, step: i64, whole: i64) -> u32 {
        let (mut paid, mut begun) = (PaidUntil::default(), 0);
        for ms in (0..whole).step_by(usize::try_from(step).expect("a step")) {
            let places = rate.places(paid, at(ms));
            paid = rate.pay(paid, places, at(ms));
            assert_eq!(rate.places(paid, at(ms)), 0, "all were taken");
            begun += places;
        }
        begun
    }

    #[test]
    fn a_minute_has_what_the_rate_says_and_two_seconds_more() {
        for (rate, most) in [
            (1, 2),
            (7, 8),
            (60, 62),
            (90, 93),
            (600, 620),
            (6_000, 6_200),
        ] {
            let limit = Rate::per_minute(rate).expect("a rate");
            for step in [1, 10, 250, 1_000] {
                let begun = begun(limit, step, 60_000);
                assert!(
                    (rate..=most).contains(&begun),
                    "{rate} by {step} ms: {begun}"
                );
            }
        }
        assert_eq!(Rate::per_minute(0), None);
        assert_eq!(Rate::per_minute(Rate::MOST + 1), None);
    }

    #[test]
    fn a_queue_that_rested_has_no_more_than_two_seconds_share() {
        let rate = Rate::per_minute(600).expect("a rate");
        let paid = rate.pay(PaidUntil::default(), 1, at(0));
        assert_eq!(rate.places(paid, at(3_600_000)), 20);
    }

    #[test]
    fn the_next_job_may_begin_when_it_says() {
        let rate = Rate::per_minute(7).expect("a rate");
        let paid = rate.pay(PaidUntil::default(), 1, at(0));
        let next = rate.next(paid, at(0));
        assert!(next > at(8_000), "{next}");
        assert_eq!(rate.places(paid, next.minus(Duration::from_millis(1))), 0);
        assert_eq!(rate.places(paid, next), 1);
        assert_eq!(rate.next(paid, at(60_000)), at(60_000));
    }

    #[test]
    fn a_clock_that_was_ahead_stops_nothing_for_long() {
        let rate = Rate::per_minute(60).expect("a rate");
        let paid = rate.pay(PaidUntil::default(), 1, at(86_400_000));
        assert_eq!(rate.places(paid, at(0)), 0);
        assert_eq!(rate.next(paid, at(0)), at(1_000));
        let paid = rate.mended(paid, at(0)).expect("it is too far ahead");
        assert_eq!(rate.mended(paid, at(0)), None);
        assert_eq!(rate.places(paid, at(1_000)), 1);
    }

    #[test]
    fn others_keep_a_place_where_there_are_four() {
        let places: Vec<_> = [1, 2, 3, 4, 8, 100]
            .into_iter()
            .map(places_of_one)
            .collect();
        assert_eq!(places, [1, 2, 3, 3, 6, 75]);
    }

    #[test]
    fn priorities_keep_their_numbers() {
        for priority in Priority::ALL {
            assert_eq!(Priority::from_number(priority.number()), Some(priority));
        }
        assert_eq!(Priority::from_number(3), None);
        assert!(Priority::Urgent < Priority::Low);
    }

    #[test]
    fn rates_are_those_of_their_queues() {
        let rate = Rate::per_minute(1);
        let rates = Rates::new([("one", rate), ("two", None)]);
        assert_eq!((rates.of("one"), rates.of("two")), (rate, None));
    }
}
