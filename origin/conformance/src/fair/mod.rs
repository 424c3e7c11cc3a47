//! Whose turn it is, by whichever queue jobs begin: shares of owners, rates, pauses, priorities, keys and delays.
//!
//! The suite knows times that it names itself, so that nothing depends on how fast a machine is. Each promise uses a
//! queue of its own.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "that is how a promise is found broken"
)]

mod keys;
mod owners;
mod pauses;
mod priorities;
mod rates;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::fair::{Ahead, Bounds, Priority};
use sluicegate_core::job::{LeasedJob, NewJob};
use sluicegate_core::ports::{
    ClaimRequest, Delivered, Delivery, DeliveryRequest, JobQueue, JobRelay, Take, TakeRequest,
};

use crate::promises::promises;
use crate::stores::{at, id};

pub use keys::*;
pub use owners::*;
pub use pauses::*;
pub use priorities::*;
pub use rates::*;

promises!(Arc<dyn Begins>:
    lets_nobody_wait_for_a_flood,
    lets_owners_take_turns,
    takes_turns_when_delays_have_ended,
    bounds_what_one_owner_has_at_once,
    begins_the_next_of_an_owner_when_one_has_ended,
    lets_jobs_of_nobody_pass,
    saves_nothing_up_for_who_was_idle,
    begins_no_more_than_the_rate,
    begins_nothing_while_paused,
    begins_earlier_priorities_first,
    lets_no_priority_wait_for_ever,
    writes_one_job_of_a_key,
    replays_no_second_job_of_a_key,
);

/// How long leases hold.
pub const LEASE: Duration = Duration::from_mins(2);

/// A way for jobs to begin.
#[async_trait]
pub trait Begins: Send + Sync {
    /// The rows.
    fn jobs(&self) -> &Arc<dyn JobQueue>;

    /// Begins at most so many jobs, in the order of their turns, and answers their leases.
    async fn begin(
        &self,
        queue: &'static str,
        limit: u32,
        bounds: Bounds,
        now: Timestamp,
    ) -> Vec<LeasedJob>;
}

/// By claims of a worker.
pub struct ByClaim(pub Arc<dyn JobQueue>);

#[async_trait]
impl Begins for ByClaim {
    fn jobs(&self) -> &Arc<dyn JobQueue> {
        &self.0
    }

    async fn begin(
        &self,
        queue: &'static str,
        limit: u32,
        bounds: Bounds,
        now: Timestamp,
    ) -> Vec<LeasedJob> {
        let request = ClaimRequest {
            queue,
            worker: "suite",
            limit,
            lease: LEASE,
            bounds,
        };
        self.0.claim(&request, now).await.unwrap()
    }
}

/// By a relay, and another queue that delivers at once whatever it is handed, and what could not begin each time again.
pub struct ByRelay {
    rows: Arc<dyn JobRelay>,
    jobs: Arc<dyn JobQueue>,
    held: Mutex<Vec<(&'static str, JobId)>>,
}

impl ByRelay {
    /// Both of the same rows.
    pub fn new(rows: Arc<dyn JobRelay>, jobs: Arc<dyn JobQueue>) -> Self {
        Self {
            rows,
            jobs,
            held: Mutex::default(),
        }
    }

    /// What waits in the other queue.
    fn held(&self, queue: &'static str) -> Vec<JobId> {
        let mut held = self.held.lock().unwrap();
        let of_queue = held.extract_if(.., |(other, _)| *other == queue);
        of_queue.map(|(_, job)| job).collect()
    }
}

#[async_trait]
impl Begins for ByRelay {
    fn jobs(&self) -> &Arc<dyn JobQueue> {
        &self.jobs
    }

    async fn begin(
        &self,
        queue: &'static str,
        limit: u32,
        bounds: Bounds,
        now: Timestamp,
    ) -> Vec<LeasedJob> {
        let request = TakeRequest {
            queue,
            limit,
            window: 1_000,
            ahead: Ahead::UNBOUNDED,
            rate: bounds.rate,
        };
        let mut there = self.held(queue);
        if let Take::Jobs(taken) = self.rows.take(&request, now).await.unwrap() {
            there.extend(taken.jobs().iter().map(|job| job.id));
            taken.confirm(now).await.unwrap();
        }
        let mut begun = Vec::new();
        for job in there {
            let request = DeliveryRequest {
                job,
                queue,
                worker: "suite",
                lease: LEASE,
                delivery: Delivery::Attempt,
                bounds,
            };
            match self.rows.lease(&request, now).await.unwrap() {
                Delivered::Leased(job) => begun.push(*job),
                Delivered::AtShare(_) => self.held.lock().unwrap().push((queue, job)),
                other => panic!("what was handed over does not begin: {other:?}"),
            }
        }
        begun
    }
}

fn somebody() -> AccountId {
    AccountId(id())
}

fn job(queue: &'static str, owner: AccountId) -> NewJob {
    NewJob {
        id: JobId(id()),
        queue,
        name: "suite",
        payload: serde_json::json!({}),
        owner,
        priority: Priority::Normal,
        dedup_key: None,
        run_at: at(0),
        max_attempts: 3,
        traceparent: None,
        created_at: at(0),
    }
}

/// Writes so many jobs of one owner.
async fn add_many(by: &Arc<dyn Begins>, queue: &'static str, owner: AccountId, number: usize) {
    for _ in 0..number {
        by.jobs().add(&job(queue, owner)).await.unwrap();
    }
}

/// Who owns what begins.
async fn owners(
    by: &Arc<dyn Begins>,
    queue: &'static str,
    limit: u32,
    bounds: Bounds,
    now: Timestamp,
) -> Vec<AccountId> {
    let begun = by.begin(queue, limit, bounds, now).await;
    begun.iter().map(|job| job.owner).collect()
}

fn count(owners: &[AccountId], of: AccountId) -> usize {
    owners.iter().filter(|owner| **owner == of).count()
}
