//! The runner: for each queue a loop that claims (`claiming`), attempts that run (`attempt`), a heart
//! that keeps their leases (`leases`), and what is told to the queue at the end (`settling`). Where another queue
//! delivers, `hands` takes the place of the loops.

mod attempt;
mod claiming;
mod hands;
mod leases;
mod pace;
mod periodic;
mod settling;

use std::sync::Arc;
use std::time::Duration;

use sluicegate_core::env::Env;
use sluicegate_core::fair::Rates;
use sluicegate_core::job::{MAINTENANCE_QUEUE, QUEUES};
use sluicegate_core::periodic::{PERIODIC, Periodic};
use sluicegate_core::ports::{Hands, JobQueue};
use sluicegate_core::wake::Waker;
use tokio::task::JoinSet;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::registry::Registry;

const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// One queue to work on.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// Its name.
    pub queue: &'static str,
    /// So many jobs of it at once, in this process.
    pub concurrency: u32,
}

/// How a [`Runner`] works.
#[derive(Debug, Clone)]
pub struct RunnerSettings {
    /// Who this is: what one owner has of its places is counted by it, so no two may have the same.
    pub worker: String,
    /// What to work on.
    pub queues: Vec<QueueSettings>,
    /// How many jobs of a queue may begin in a time, all workers together.
    pub rates: Rates,
    /// What comes again and again; only where the queue of such jobs is worked on.
    pub periodic: Vec<Periodic>,
    /// A worker that is silent for so long loses its jobs. Heartbeats come three times as often.
    pub lease: Duration,
    /// The pause before an empty queue is looked at again; it doubles up to `poll_max`.
    pub poll_min: Duration,
    /// See `poll_min`.
    pub poll_max: Duration,
    /// A job that takes longer is stopped: a failed attempt.
    pub job_limit: Duration,
    /// How long jobs may go on after the shutdown has begun; then they are given back.
    pub drain: Duration,
}

impl RunnerSettings {
    /// All queues with four jobs at once each and no rates; lease 10 s, polls after 250 ms to 1 s, 5 min a job, 20 s
    /// to drain.
    pub fn new(worker: impl Into<String>) -> Self {
        let queue = |queue| QueueSettings {
            queue,
            concurrency: 4,
        };
        Self {
            worker: worker.into(),
            queues: QUEUES.map(queue).to_vec(),
            rates: Rates::default(),
            periodic: PERIODIC.to_vec(),
            lease: Duration::from_secs(10),
            poll_min: Duration::from_millis(250),
            poll_max: Duration::from_secs(1),
            job_limit: Duration::from_mins(5),
            drain: Duration::from_secs(20),
        }
    }
}

/// Works on queues until it is told to stop.
pub struct Runner {
    shared: Arc<Shared>,
}

/// What all loops and attempts use.
struct Shared {
    queue: Arc<dyn JobQueue>,
    env: Env,
    waker: Waker,
    registry: Registry,
    settings: RunnerSettings,
}

impl Shared {
    fn maintains(&self) -> bool {
        let queues = &self.settings.queues;
        queues.iter().any(|queue| queue.queue == MAINTENANCE_QUEUE)
    }
}

impl Runner {
    /// One that has not begun.
    pub fn new(
        queue: Arc<dyn JobQueue>,
        registry: Registry,
        env: Env,
        waker: Waker,
        settings: RunnerSettings,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                queue,
                env,
                waker,
                registry,
                settings,
            }),
        }
    }

    /// How it works.
    pub fn settings(&self) -> &RunnerSettings {
        &self.shared.settings
    }

    /// Hands for jobs that another queue delivers, instead of claiming: the same attempts, leases and settlements.
    pub fn hands(&self) -> Arc<dyn Hands> {
        Arc::new(hands::RunnerHands::new(self.shared.clone()))
    }

    /// Writes what comes again and again until `shutdown`, where the queue of such jobs is worked on; else returns.
    pub async fn write_periodic(&self, shutdown: CancellationToken) {
        if self.shared.maintains() {
            periodic::write(self.shared.clone(), shutdown).await;
        }
    }

    /// Works until `shutdown`, then lets jobs finish for the time to drain, gives back those that did
    /// not, and returns. An outage of the database is waited out. Dropped, it stops at once; its jobs
    /// are taken over when their leases end.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut loops = JoinSet::new();
        for queue in &self.shared.settings.queues {
            loops.spawn(supervise(
                self.shared.clone(),
                queue.clone(),
                shutdown.clone(),
            ));
        }
        if self.shared.maintains() {
            loops.spawn(periodic::write(self.shared.clone(), shutdown.clone()));
        }
        while loops.join_next().await.is_some() {}
    }
}

/// A fault in the loop itself costs its jobs this attempt, never the queue its worker.
async fn supervise(shared: Arc<Shared>, queue: QueueSettings, shutdown: CancellationToken) {
    loop {
        let mut one = JoinSet::new();
        one.spawn(claiming::work(
            shared.clone(),
            queue.clone(),
            shutdown.clone(),
        ));
        match one.join_next().await {
            Some(Err(error)) => {
                tracing::error!(queue = queue.queue, %error, "the loop of a queue ended; restarting");
                time::sleep(RESTART_PAUSE).await;
            }
            Some(Ok(())) | None => return,
        }
        if shutdown.is_cancelled() {
            return;
        }
    }
}
