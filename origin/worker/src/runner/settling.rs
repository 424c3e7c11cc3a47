//! What the queue is told at the end of an attempt.

use std::time::Duration;

use sluicegate_core::job::{LeasedJob, Turn, backoff};
use sluicegate_core::ports::{Ended, SettleError};
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::pace::{Pace, share};
use crate::outcome::Outcome;

const AGAIN_MIN: Duration = Duration::from_millis(100);
const AGAIN_MAX: Duration = Duration::from_secs(5);

pub(super) struct Settling<'a> {
    pub(super) shared: &'a Shared,
    pub(super) job: &'a LeasedJob,
    pub(super) lost: &'a CancellationToken,
    pub(super) give_back: &'a CancellationToken,
}

impl Settling<'_> {
    pub(super) async fn conclude(&self, outcome: Outcome, took_ms: u64) -> Ended {
        let (queue, env, lease) = (&self.shared.queue, &self.shared.env, &self.job.lease);
        match outcome {
            Outcome::Settled => {
                tracing::info!(took_ms, "done");
                Ended::Done
            }
            Outcome::Done => {
                if !self.tell(|| queue.settle(lease, env.now())).await {
                    return Ended::Unsettled;
                }
                tracing::info!(took_ms, "done");
                Ended::Done
            }
            Outcome::Retry { error, .. } if self.job.turn != Turn::Attempt => {
                self.bury(error, took_ms).await
            }
            Outcome::Retry { error, after } => {
                let after = after.unwrap_or_else(|| backoff(self.job.attempts_used, share(env)));
                let at = env.now().plus(after);
                if !self
                    .tell(|| queue.retry(lease, at, &error, env.now()))
                    .await
                {
                    return Ended::Unsettled;
                }
                tracing::warn!(took_ms, error, ?after, "failed; to be tried again");
                Ended::Again { at, error }
            }
            Outcome::Fail { error } => self.bury(error, took_ms).await,
        }
    }

    /// With what its death changes. Whoever does not get that far leaves it to the next worker.
    async fn bury(&self, error: String, took_ms: u64) -> Ended {
        let (queue, env) = (&*self.shared.queue, &self.shared.env);
        let job = self.shared.registry.find(self.job);
        let buried = self.tell(|| async {
            match &job {
                Some(job) => job.bury(queue, self.job, &error, env.now()).await,
                None => queue.bury(&self.job.lease, &error, env.now()).await,
            }
        });
        if !buried.await {
            return Ended::Unsettled;
        }
        tracing::error!(took_ms, error, "failed for good");
        Ended::Dead { error }
    }

    /// Once: if it cannot be said now, the end of the lease says it.
    pub(super) async fn give_back(&self) -> Ended {
        match self
            .shared
            .queue
            .release(&self.job.lease, self.shared.env.now())
            .await
        {
            Ok(()) => {
                tracing::info!("given back");
                Ended::GivenBack
            }
            Err(error) => {
                tracing::warn!(%error, "could not give it back");
                Ended::Unsettled
            }
        }
    }

    /// Says it until it was heard, while the lease holds.
    async fn tell<F: Future<Output = Result<(), SettleError>>>(&self, say: impl Fn() -> F) -> bool {
        let mut pace = Pace::new(AGAIN_MIN, AGAIN_MAX);
        loop {
            match say().await {
                Ok(()) => return true,
                Err(SettleError::Port(error)) if error.is_unavailable() => {
                    tracing::warn!(%error, "could not settle; trying again");
                }
                Err(error) => {
                    tracing::error!(%error, "could not settle");
                    return false;
                }
            }
            tokio::select! {
                () = time::sleep(pace.pause(&self.shared.env)) => {}
                () = self.lost.cancelled() => return false,
                () = self.give_back.cancelled() => return false,
            }
        }
    }
}
