//! Jobs that come again and again: one row for each slot of time, whoever writes it.
//!
//! The id of such a job is made from its name and its slot, and a job is written once by its id: replicas that
//! all write it need no lock, and a slot that was done stays done. While the job of an earlier slot is not over, that of the
//! next is not written: after an outage one of them catches up, not hundreds.

use std::time::Duration;

use serde_json::json;
use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_contract::time::Timestamp;
use uuid::Uuid;

use crate::fair::Priority;
use crate::job::{ERASE_JOB, MAINTENANCE_QUEUE, NewJob, PRUNE_JOB, SWEEP_JOB, derived_id};

/// Few: the next slot is another attempt.
const ATTEMPTS: u32 = 3;

/// A job of [`MAINTENANCE_QUEUE`] that comes again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periodic {
    /// Its name.
    pub name: &'static str,
    /// How long a slot lasts.
    pub every: Duration,
    /// Before or after the others.
    pub priority: Priority,
}

/// All that this version has.
pub const PERIODIC: [Periodic; 3] = [
    Periodic {
        name: SWEEP_JOB,
        every: Duration::from_mins(5),
        priority: Priority::Normal,
    },
    Periodic {
        name: PRUNE_JOB,
        every: Duration::from_hours(1),
        priority: Priority::Low,
    },
    Periodic {
        name: ERASE_JOB,
        every: Duration::from_hours(1),
        priority: Priority::Normal,
    },
];

impl Periodic {
    /// The job of the slot that `now` is in.
    pub fn job(&self, now: Timestamp) -> NewJob {
        let every = i64::try_from(self.every.as_millis().max(1)).unwrap_or(i64::MAX);
        let slot = now.unix_ms().div_euclid(every) * every;
        NewJob {
            id: JobId(derived_id(&[
                self.name.as_bytes(),
                &[0],
                &slot.to_be_bytes(),
            ])),
            queue: MAINTENANCE_QUEUE,
            name: self.name,
            payload: json!({ "slot": Timestamp::from_unix_ms(slot) }),
            owner: AccountId(Uuid::nil()),
            priority: self.priority,
            // A slot whose predecessor is not over waits for it.
            dedup_key: Some(self.name.to_owned()),
            run_at: Timestamp::from_unix_ms(slot).unwrap_or(now),
            max_attempts: ATTEMPTS,
            traceparent: None,
            created_at: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms).expect("in range")
    }

    #[test]
    fn a_slot_has_one_job_and_the_next_another() {
        let [sweep, prune, ..] = PERIODIC;
        let first = sweep.job(at(600_000));
        assert_eq!(first.run_at, at(600_000));
        let same = sweep.job(at(899_999));
        assert_eq!((same.id, same.run_at), (first.id, first.run_at));
        assert_ne!(sweep.job(at(900_000)).id, first.id);
        assert_ne!(prune.job(at(600_000)).id, first.id);
        assert_eq!(first.id.0.get_version_num(), 8);
    }
}
