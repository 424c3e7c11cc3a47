use std::time::Duration;

use async_trait::async_trait;
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;

use crate::error::PortError;
use crate::fair::Bounds;
use crate::job::{JobView, Lease, LeaseLost, LeasedJob, NewJob};

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct ClaimRequest<'a> {
    /// From this queue.
    pub queue: &'a str,
    /// Who asks: what this worker has at once of one owner is counted by it.
    pub worker: &'a str,
    /// At most so many.
    pub limit: u32,
    /// How long the leases hold without a heartbeat.
    pub lease: Duration,
    /// Of one owner: that this worker has at once.
    pub bounds: Bounds,
}

/// How a queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueStats {
    /// Jobs whose time has come, or will come, in whichever queue they wait.
    pub ready: u64,
    /// Jobs that workers have.
    pub running: u64,
    /// Jobs that failed for good.
    pub dead: u64,
    /// When the oldest job that could run now was first able to run.
    pub oldest_ready: Option<Timestamp>,
    /// Since when none is begun.
    pub paused_since: Option<Timestamp>,
}

/// Why a job was not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// Somebody else may have it; nothing was committed.
    #[error(transparent)]
    LeaseLost(#[from] LeaseLost),
    /// The database could not do it.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A job that failed for good: to be buried in the transaction of what its death changes.
#[derive(Debug, Clone, Copy)]
pub struct Burial<'a> {
    /// The right to bury it.
    pub lease: Lease,
    /// Why, for operators to read.
    pub error: &'a str,
}

/// The queue. Promises: at least once, takeover after a lost lease, `run_at` as a floor, attempts
/// that are counted when they begin, dead jobs kept, one open job for a deduplication key, nothing begun of a queue that is
/// paused or beyond its rate. Owners take turns, whatever each of them has waiting, and priorities are kept as far as that costs
/// nothing. No other order.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Writes a job outside any other transaction, and answers its id. Idempotent by that. Where a job of its queue with its
    /// deduplication key is not over, nothing is written, whatever the two are about, and the answer is that job's id. Stores
    /// that write a job with its data write none then, either.
    async fn add(&self, job: &NewJob) -> Result<JobId, PortError>;

    /// Leases running jobs whose lease has ended, and ready ones whose time has come: the first of each owner before the second of
    /// any, earlier [priorities](crate::fair::Priority) before later ones. None if the queue is paused. A job whose attempts are used up is leased for its burial, again and again until
    /// somebody has buried it: so what its death changes is never lost with a worker.
    async fn claim(
        &self,
        request: &ClaimRequest<'_>,
        now: Timestamp,
    ) -> Result<Vec<LeasedJob>, PortError>;

    /// Makes leases hold until `now + lease`. Answers those that were lost.
    async fn heartbeat(
        &self,
        leases: &[Lease],
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<Lease>, PortError>;

    /// The job is done. Effects that can be committed together with this use their store's method
    /// with the lease instead.
    async fn settle(&self, lease: &Lease, now: Timestamp) -> Result<(), SettleError>;

    /// The attempt failed: ready again at `run_at`, or dead if this was the last attempt. A job that another queue
    /// delivered waits there.
    async fn retry(
        &self,
        lease: &Lease,
        run_at: Timestamp,
        error: &str,
        now: Timestamp,
    ) -> Result<(), SettleError>;

    /// It failed for good: dead, and kept. What its death changes is committed with this by the method of its store
    /// instead.
    async fn bury(&self, lease: &Lease, error: &str, now: Timestamp) -> Result<(), SettleError>;

    /// Gives a job back untouched, as a worker that stops does: ready at once, and the attempt does
    /// not count towards the limit.
    async fn release(&self, lease: &Lease, now: Timestamp) -> Result<(), SettleError>;

    /// Makes a dead job ready again with all its attempts. `false` if there is no such dead job, or one with its deduplication
    /// key is not over.
    async fn replay(&self, id: JobId, now: Timestamp) -> Result<bool, PortError>;

    /// Dead jobs of one queue, or of all, that sort after `after` by their ids; at most `limit`.
    async fn dead(
        &self,
        queue: Option<&str>,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobView>, PortError>;

    /// Deletes a dead job for good. `false` if there is no such dead job.
    async fn discard(&self, id: JobId) -> Result<bool, PortError>;

    /// The job.
    async fn job(&self, id: JobId) -> Result<Option<JobView>, PortError>;

    /// Begins no more jobs of a queue, whoever asks, or does so again; what runs ends. Idempotent: a queue that is paused already
    /// stays so since then.
    async fn pause(&self, queue: &str, paused: bool, now: Timestamp) -> Result<(), PortError>;

    /// How a queue stands.
    async fn stats(&self, queue: &str, now: Timestamp) -> Result<QueueStats, PortError>;
}
