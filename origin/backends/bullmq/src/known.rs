//! What Redis knows of jobs, asked for many at once.

use bullmq::Queue;
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::ports::Suspect;

use crate::bull::Bull;
use crate::error::BullError;

/// So many that ended are read at once.
const PAGE: usize = 1_000;
/// A worker reads its clock before it tells Redis that a job ended, and several end in one millisecond: what ended within so many
/// of them before now is read again by the next look. A row that is named again is compared again, no more than that.
const LATE_MS: f64 = 250.0;

/// What is known of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Somebody completed it.
    Completed,
    /// It was given up.
    Failed,
    /// It waits or is worked on: whoever has it ends it.
    Waits,
    /// There is no such job.
    Nothing,
}

/// When it completed, when it failed, and whether it is there at all.
type Told = (Option<f64>, Option<f64>, bool);

/// What Redis knows of these, in one round trip. A job that is moved meanwhile is there, wherever; one that is over and was
/// removed at once is not known, as it is not a moment later. (A transaction would be a step, but the client cannot read the
/// answer of one that a cluster refuses.)
pub(crate) async fn known<'a>(
    bull: &Bull,
    queue: &Queue,
    suspects: &'a [Suspect],
) -> Result<Vec<(&'a Suspect, Known)>, BullError> {
    if suspects.is_empty() {
        return Ok(Vec::new());
    }
    let keys = queue.keys();
    let (completed, failed) = (keys.completed(), keys.failed());
    let mut calls = redis::pipe();
    for suspect in suspects {
        let own = suspect.job.to_string();
        let id = suspect.relayed_as.as_deref().unwrap_or(&own);
        calls.zscore(&completed, id).zscore(&failed, id);
        calls.exists(keys.job_key(id));
    }
    let told: Vec<redis::Value> = bull.within(queue.connection().pipe(&calls)).await?;
    let told = told.chunks(3).map(|told| {
        let told: Told = redis::from_redis_value(redis::Value::Array(told.to_vec()))?;
        Ok(match told {
            (Some(_), _, _) => Known::Completed,
            (_, Some(_), _) => Known::Failed,
            (_, _, true) => Known::Waits,
            (_, _, false) => Known::Nothing,
        })
    });
    let told: Vec<Known> = told.collect::<Result<_, redis::ParsingError>>()?;
    Ok(suspects.iter().zip(told).collect())
}

/// Up to when it is known what ended in a queue, by the clocks of the workers. What Redis is told later than [`LATE_MS`] after it
/// ended by our clock, or by one that is behind, may be missed, as may any of the last millisecond of a full page; it is found
/// when it is its turn to be compared.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    completed: f64,
    failed: f64,
}

/// What ended since something was seen.
pub(crate) struct Ended {
    /// Jobs of ours.
    pub(crate) jobs: Vec<JobId>,
    /// Once something was made of them.
    pub(crate) seen: Seen,
    /// More ended than were read at once.
    pub(crate) more: bool,
}

impl Seen {
    /// All that ended before.
    pub(crate) fn before(at: Timestamp) -> Self {
        let at = milliseconds(at);
        Self {
            completed: at,
            failed: at,
        }
    }

    /// What ended since, at most a thousand of a kind.
    pub(crate) async fn ended_since(
        mut self,
        bull: &Bull,
        queue: &Queue,
        now: Timestamp,
    ) -> Result<Ended, BullError> {
        let keys = queue.keys();
        let settled = milliseconds(now) - LATE_MS;
        let (mut jobs, mut more) = (Vec::new(), false);
        for (list, seen) in [
            (keys.completed(), &mut self.completed),
            (keys.failed(), &mut self.failed),
        ] {
            let mut call = redis::cmd("ZRANGEBYSCORE");
            call.arg(list).arg(format!("({seen}")).arg("+inf");
            call.arg("WITHSCORES").arg("LIMIT").arg(0).arg(PAGE);
            let page: Vec<(String, f64)> = bull.within(queue.connection().cmd(&mut call)).await?;
            if let Some((_, last)) = page.last() {
                let is_full = page.len() >= PAGE;
                more |= is_full;
                // Of the last millisecond of a full page there may be more; unless it is all there is, it is read again.
                let before = last - 1.0;
                *seen = match is_full {
                    true if before > *seen => before,
                    true => *last,
                    false => seen.max(last.min(settled)),
                };
            }
            // Those of others are known by no row until one of our workers has them.
            jobs.extend(page.iter().filter_map(|(id, _)| id.parse::<JobId>().ok()));
        }
        let seen = self;
        Ok(Ended { jobs, seen, more })
    }
}

fn milliseconds(at: Timestamp) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 fit for 285,000 years"
    )]
    let at = at.unix_ms() as f64;
    at
}
