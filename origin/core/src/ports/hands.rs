use async_trait::async_trait;
use sluicegate_contract::time::Timestamp;

use crate::job::LeasedJob;

/// How the work on a job ended, for the queue that delivered it. The row says the same already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Its effects are committed.
    Done,
    /// The attempt failed; the next is at this time.
    Again {
        /// Not before.
        at: Timestamp,
        /// For operators to read.
        error: String,
    },
    /// It failed for good, and is buried.
    Dead {
        /// For operators to read.
        error: String,
    },
    /// Given back untouched: somebody else may have it at once.
    GivenBack,
    /// The lease was lost, or nothing could be committed: the row has to be asked again.
    Unsettled,
}

/// Works on jobs that somebody else leased: the other half of a queue that delivers.
#[async_trait]
pub trait Hands: Send + Sync {
    /// Does it, keeps the lease meanwhile, and settles it. Ends early with [`Ended::GivenBack`] after
    /// [`give_back`](Self::give_back). Dropped, it stops at once, and the lease ends by itself.
    async fn work_on(&self, job: LeasedJob) -> Ended;

    /// Buries one that was leased for that: the other queue gave it up, for this reason. What its death changes is committed with it.
    async fn bury(&self, job: LeasedJob, reason: &str) -> Ended;

    /// The time to drain is over: gives back what is being worked on, and whatever comes after.
    fn give_back(&self);
}
