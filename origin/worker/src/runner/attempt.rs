//! One attempt at one job.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_contract::trace::SpanContext;
use sluicegate_core::job::{LeasedJob, Turn};
use sluicegate_core::ports::Ended;
use sluicegate_core::trace::caused_by;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::Shared;
use super::leases::Leases;
use super::settling::Settling;
use crate::outcome::{JobError, Outcome};

/// A stopped job ends at its next `await`; one that computes is not waited for longer.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// A job that settles itself ends its own lease; its last words after that are heard.
const LOST_GRACE: Duration = Duration::from_millis(100);

pub(super) struct Attempt {
    pub(super) shared: Arc<Shared>,
    pub(super) leases: Arc<Leases>,
    pub(super) job: LeasedJob,
    /// Why, if somebody else did.
    pub(super) given_up: Option<String>,
    /// The lease is.
    pub(super) lost: CancellationToken,
    /// The time to drain is over.
    pub(super) give_back: CancellationToken,
}

/// How it ended.
enum End {
    Outcome(Outcome),
    LeaseLost,
    GiveBack,
}

impl Attempt {
    pub(super) async fn run(self) -> Ended {
        let traceparent = self.job.traceparent.as_deref();
        let parent = traceparent.and_then(SpanContext::parse);
        let own = caused_by(parent.as_ref(), &self.shared.env);
        let span = tracing::info_span!(
            "job",
            job.id = %self.job.lease.job,
            job.name = self.job.name,
            queue = self.job.queue,
            attempt = self.job.lease.attempt,
            trace_id = own.trace_id(),
            span_id = own.span_id(),
            parent_span_id = parent.map(|parent| parent.span_id()),
            sampled = (!own.sampled).then_some(false),
        );
        self.run_in_span().instrument(span).await
    }

    async fn run_in_span(self) -> Ended {
        let begun = Instant::now();
        let end = self.perform().await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let settling = Settling {
            shared: &self.shared,
            job: &self.job,
            lost: &self.lost,
            give_back: &self.give_back,
        };
        let ended = match end {
            End::Outcome(outcome) => settling.conclude(outcome, took_ms).await,
            End::LeaseLost => {
                tracing::warn!(took_ms, "the lease was lost; stopped");
                Ended::Unsettled
            }
            End::GiveBack => settling.give_back().await,
        };
        self.leases.forget(self.job.lease);
        ended
    }

    /// Runs the job in a task of its own, so that its panic ends only that. The set aborts the task if
    /// this future is dropped.
    async fn perform(&self) -> End {
        let Some(job) = self.shared.registry.find(&self.job) else {
            // A newer program wrote it, and may be here soon: its workers know it.
            let error = format!("no job is called {:?} here", self.job.name);
            return End::Outcome(Outcome::Retry { error, after: None });
        };
        if self.job.turn == Turn::Burial {
            let error = match &self.given_up {
                Some(reason) => format!("given up: {reason}"),
                None => "its worker was lost in the last attempt".to_owned(),
            };
            return End::Outcome(Outcome::Fail { error });
        }
        let leased = self.job.clone();
        let mut task = JoinSet::new();
        task.spawn(async move { job.run(&leased).await }.in_current_span());
        let end = tokio::select! {
            biased;
            Some(ended) = task.join_next() => return ending(ended),
            () = self.lost.cancelled() => match time::timeout(LOST_GRACE, task.join_next()).await {
                Ok(Some(ended)) => return ending(ended),
                _ => End::LeaseLost,
            },
            () = self.give_back.cancelled() => End::GiveBack,
            () = time::sleep(self.shared.settings.job_limit) => {
                let error = format!("took longer than {:?}", self.shared.settings.job_limit);
                End::Outcome(Outcome::Retry { error, after: None })
            }
        };
        task.abort_all();
        let _ = time::timeout(STOP_WAIT, task.join_next()).await;
        end
    }
}

fn ending(ended: Result<Result<Outcome, JobError>, JoinError>) -> End {
    match ended {
        Ok(Ok(outcome)) => End::Outcome(outcome),
        Ok(Err(JobError::LeaseLost(_))) => End::LeaseLost,
        Ok(Err(JobError::Port(error))) => End::Outcome(Outcome::Retry {
            error: error.to_string(),
            after: None,
        }),
        Err(error) => End::Outcome(Outcome::Retry {
            error: stopped(error),
            after: None,
        }),
    }
}

fn stopped(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => format!("panicked: {}", message(&*panic)),
        Err(error) => error.to_string(),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
