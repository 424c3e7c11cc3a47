use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_contract::time::Timestamp;

use crate::error::PortError;
use crate::fair::{Ahead, Bounds, Priority, Rate};
use crate::job::LeasedJob;

/// Which ready jobs are to be handed to the other queue.
#[derive(Debug, Clone, Copy)]
pub struct TakeRequest<'a> {
    /// Of this queue.
    pub queue: &'a str,
    /// At most so many at once.
    pub limit: u32,
    /// Not more than so many are to be in the other queue and due, or in work. Those that wait there for another
    /// attempt, or may have it, do not count, however many: jobs that keep failing keep no others back. Those that were given back
    /// did not fail.
    pub window: u32,
    /// How many of one owner wait in the other queue and are due.
    pub ahead: Ahead,
    /// How many may begin in a time, whoever asks.
    pub rate: Option<Rate>,
}

/// What there is to hand over.
pub enum Take {
    /// These.
    Jobs(Box<dyn HandOver>),
    /// There are some, but it is not their turn before others began, or the rate allows them.
    HeldBack,
    /// None, or the queue is paused.
    Nothing,
}

/// A job that is to be handed over.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadyJob {
    /// Its id, also in the other queue.
    pub id: JobId,
    /// Its kind.
    pub name: String,
    /// Ids only.
    pub payload: Value,
    /// Before or after which others.
    pub priority: Priority,
    /// Since when it could run.
    pub run_at: Timestamp,
    /// After so many attempts it is dead.
    pub max_attempts: u32,
    /// Leases that were given: if any, the other queue may still have an older round of it.
    pub attempts: u32,
}

/// Ready jobs that nobody else takes while this exists. Dropped, they are ready for others again.
#[async_trait]
pub trait HandOver: Send {
    /// What is to be handed over.
    fn jobs(&self) -> &[ReadyJob];

    /// The other queue has all of them now.
    async fn confirm(self: Box<Self>, now: Timestamp) -> Result<(), PortError>;
}

/// What a delivery by the other queue is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// An attempt.
    Attempt,
    /// An operator has it tried again in the other queue: a dead job gets all its attempts back.
    Again,
    /// The other queue gave it up: a lease for its burial, whatever attempts are left.
    Burial,
}

/// Whose delivery it is.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryRequest<'a> {
    /// The row.
    pub job: JobId,
    /// It must be of this queue.
    pub queue: &'a str,
    /// Who works: what this worker has at once of one owner is counted by it.
    pub worker: &'a str,
    /// How long the lease holds without a heartbeat.
    pub lease: Duration,
    /// What for.
    pub delivery: Delivery,
    /// Of one owner: that this worker has at once. Leases that it asks for at the same moment do not see each other. Of the rate,
    /// what was handed over is paid for; what is begun once more, or came without a row, is not. Burials keep to none.
    pub bounds: Bounds,
}

/// What is to be done about a delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivered {
    /// Work on it.
    Leased(Box<LeasedJob>),
    /// Its effects are committed: a delivery too many.
    Done,
    /// It is dead: a delivery too many.
    Dead,
    /// Somebody works on it, at least until then.
    Busy(Timestamp),
    /// The queue is paused, or its rate is used up, at least until then.
    Held(Timestamp),
    /// This worker has as many jobs of that owner as it may have at once. Never a job of nobody.
    AtShare(AccountId),
    /// Whatever kept it from being leased was over a moment later: ask again.
    Changed,
    /// There is no such row.
    Unknown,
}

/// A job that somebody put into the other queue without a row.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignJob {
    /// The id of its row: follows from its queue, its id there and when it was added, so that each delivery finds the same.
    pub id: JobId,
    /// Its id there.
    pub relayed_as: String,
    /// Its queue.
    pub queue: &'static str,
    /// Its kind.
    pub name: &'static str,
    /// Ids only.
    pub payload: Value,
    /// For whom; must be an account that exists.
    pub owner: AccountId,
    /// After so many attempts it is dead.
    pub max_attempts: u32,
    /// When it was added there.
    pub created_at: Timestamp,
}

/// A row that is to be compared with the other queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The row.
    pub job: JobId,
    /// What it is called in the other queue, if not by the row's id.
    pub relayed_as: Option<String>,
}

/// What is so of a [`Suspect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The other queue does not know it: ready again, to be handed over once more.
    Missing,
    /// Somebody who knows no rows completed it there.
    Done,
}

/// The rows of jobs, for whoever hands them to another queue and works on what that delivers.
///
/// A row stays the truth: another queue only says when a job's turn is. So a delivery that is lost, doubled or late
/// does nothing to a job. Rows that were handed over are [`Relayed`](crate::job::JobState::Relayed) while they wait there; the
/// settling methods of [`JobQueue`](super::JobQueue) know them, and leave them to that queue when an attempt failed.
#[async_trait]
pub trait JobRelay: Send + Sync {
    /// Ready jobs whose time has come, in the order of [`claim`](super::JobQueue::claim). Several relays never take the same.
    /// Window and `ahead` hold but for what relays take at the same moment; the rate holds.
    async fn take(&self, request: &TakeRequest<'_>, now: Timestamp) -> Result<Take, PortError>;

    /// Whether no job of the queue is to be begun.
    async fn is_paused(&self, queue: &str) -> Result<bool, PortError>;

    /// Leases a job that the other queue delivered, if it is not over, nobody has it, and it may begin. A burial may always.
    async fn lease(
        &self,
        request: &DeliveryRequest<'_>,
        now: Timestamp,
    ) -> Result<Delivered, PortError>;

    /// Writes the row of a job that came without one. Idempotent by its id. `false` if there is no such owner.
    async fn adopt(&self, job: &ForeignJob, now: Timestamp) -> Result<bool, PortError>;

    /// Rows that were handed over, or last compared, before `before`, and those whose lease had ended by then; at most `limit`.
    /// They count as compared at `now`, so that several reconcilers share the work.
    async fn suspects(
        &self,
        queue: &str,
        before: Timestamp,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Suspect>, PortError>;

    /// Has these rows compared at once, as far as they wait in the other queue: something happened to them there. Waits for
    /// whoever is just handing them over ([`HandOver`]).
    async fn suspect(&self, queue: &str, jobs: &[JobId]) -> Result<(), PortError>;

    /// Has all rows of the queue compared at once: the other queue was emptied.
    async fn suspect_all(&self, queue: &str) -> Result<(), PortError>;

    /// Commits what was found, unless somebody works on the job. Idempotent. `false` if nothing was changed.
    async fn resolve(
        &self,
        job: JobId,
        verdict: Verdict,
        now: Timestamp,
    ) -> Result<bool, PortError>;

    /// Makes all rows that wait in the other queue ready again, at most `limit`: that queue is given up. Answers how many.
    async fn recall(&self, limit: u32) -> Result<u64, PortError>;
}
