//! What every [`JobQueue`] must do.
//!
//! Each promise uses a queue of its own, so one empty database serves them all.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "that is how a promise is found broken"
)]

mod end;
mod lease;
mod readiness;

use std::sync::Arc;
use std::time::Duration;

use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::fair::{Bounds, Priority};
use sluicegate_core::job::{JobState, Lease, LeasedJob, NewJob};
use sluicegate_core::ports::{ClaimRequest, JobQueue, SettleError};

use crate::promises::promises;
use crate::stores::{at, id};

pub use end::*;
pub use lease::*;
pub use readiness::*;

promises!(Arc<dyn JobQueue>:
    gives_back_what_was_added,
    adds_once,
    holds_jobs_until_their_time,
    claims_no_more_than_asked,
    keeps_queues_apart,
    counts_how_it_stands,
    never_gives_one_job_twice,
    takes_over_when_a_lease_has_ended,
    holds_leases_by_heartbeat,
    refuses_old_leases,
    retries_at_the_given_time,
    buries_after_the_last_attempt,
    leases_for_burial_what_killed_its_last_worker,
    buries_at_once,
    replays_dead_jobs,
    lists_dead_jobs,
    discards_dead_jobs,
    releases_without_using_an_attempt,
    settles_once,
);

const LEASE: Duration = Duration::from_secs(30);

fn new_job(queue: &'static str, run_at: Timestamp) -> NewJob {
    NewJob {
        id: JobId(id()),
        queue,
        name: "suite",
        payload: serde_json::json!({ "key": "value" }),
        owner: AccountId(id()),
        priority: Priority::Normal,
        dedup_key: None,
        run_at,
        max_attempts: 3,
        traceparent: Some("00-trace-span-01".to_owned()),
        created_at: at(0),
    }
}

async fn add(jobs: &Arc<dyn JobQueue>, queue: &'static str) -> NewJob {
    let job = new_job(queue, at(0));
    jobs.add(&job).await.unwrap();
    job
}

async fn claim(
    jobs: &Arc<dyn JobQueue>,
    queue: &str,
    limit: u32,
    now: Timestamp,
) -> Vec<LeasedJob> {
    let request = ClaimRequest {
        queue,
        worker: "suite",
        limit,
        lease: LEASE,
        bounds: Bounds::NONE,
    };
    jobs.claim(&request, now).await.unwrap()
}

/// The lease of the one job that can be claimed.
async fn claim_one(jobs: &Arc<dyn JobQueue>, queue: &str, now: Timestamp) -> Lease {
    let claimed = claim(jobs, queue, 10, now).await;
    assert_eq!(claimed.len(), 1, "one job can be claimed");
    claimed.first().unwrap().lease
}

async fn state(jobs: &Arc<dyn JobQueue>, job: JobId) -> JobState {
    jobs.job(job).await.unwrap().unwrap().state
}

fn assert_lost(result: &Result<(), SettleError>) {
    assert!(
        matches!(result, Err(SettleError::LeaseLost(_))),
        "not a lost lease: {result:?}"
    );
}
