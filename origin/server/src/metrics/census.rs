//! What only the database knows: asked when somebody scrapes, and not more often than needed.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_bullmq::Bull;
use sluicegate_core::env::Env;
use sluicegate_core::job::QUEUES;
use sluicegate_core::ports::QueueStats;
use sluicegate_postgres::{Census, Database};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::Metrics;
use super::families::{labels, word};
use crate::compose::Ports;

/// Several scrapers cost no more than one.
const FRESH: Duration = Duration::from_secs(5);
/// A scrape must not wait for a database that hangs.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps the gauges of one origin in step with its database.
pub(super) struct Counting {
    env: Env,
    database: Database,
    bull: Option<Arc<Bull>>,
    last: Mutex<Option<Instant>>,
}

impl Counting {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            env: ports.env.clone(),
            database: ports.database.clone(),
            bull: ports.bull.clone(),
            last: Mutex::new(None),
        }
    }

    /// Counts unless that was done just now. Numbers that cannot be had are left out rather than kept: an old
    /// number looks like a good one.
    pub(super) async fn refresh(&self, metrics: &Metrics) {
        let mut last = self.last.lock().await;
        if last.is_some_and(|last| last.elapsed() < FRESH) {
            return;
        }
        let now = self.env.now();
        match timeout(PATIENCE, self.database.census(&QUEUES, now)).await {
            Ok(Ok(mut census)) => {
                self.add_foreign(&mut census).await;
                metrics.show(&census, now);
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot count jobs and uploads");
                metrics.show_nothing();
            }
            Err(_) => {
                tracing::warn!("cannot count jobs and uploads: no answer in time");
                metrics.show_nothing();
            }
        }
        *last = Some(Instant::now());
    }

    /// A job that somebody put into Redis without a row waits as well. What Redis does not say in time is left out: its rows
    /// are counted.
    async fn add_foreign(&self, census: &mut Census) {
        let Some(bull) = &self.bull else { return };
        for (queue, stats) in &mut census.queues {
            match timeout(PATIENCE, bull.oldest_waiting(queue)).await {
                Ok(Ok(there)) => {
                    let oldest = [stats.oldest_ready, there].into_iter().flatten().min();
                    stats.oldest_ready = oldest;
                }
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }
}

impl Metrics {
    fn show(&self, census: &Census, now: sluicegate_contract::time::Timestamp) {
        for queue in QUEUES {
            let found = census.queues.iter().find(|(name, _)| name == queue);
            let stats = found.map_or_else(QueueStats::default, |(_, stats)| *stats);
            let numbers = [
                ("ready", stats.ready),
                ("running", stats.running),
                ("dead", stats.dead),
            ];
            for (state, number) in numbers {
                let labels = labels([("queue", queue), ("state", state)]);
                self.families
                    .jobs
                    .get_or_create_owned(&labels)
                    .set(gauge(number));
            }
            let age = stats.oldest_ready.map(|since| now.since(since));
            let oldest = self
                .families
                .oldest
                .get_or_create_owned(&labels([("queue", queue)]));
            oldest.set(age.unwrap_or_default().as_secs_f64());
            self.families
                .paused
                .get_or_create_owned(&labels([("queue", queue)]))
                .set(i64::from(stats.paused_since.is_some()));
        }
        for (state, number) in census.uploads {
            let labels = [("state", word(state.as_str()))];
            self.families
                .uploads
                .get_or_create_owned(&labels)
                .set(gauge(number));
        }
        self.families.census.set(1);
    }

    fn show_nothing(&self) {
        self.families.jobs.clear();
        self.families.oldest.clear();
        self.families.paused.clear();
        self.families.uploads.clear();
        self.families.census.set(0);
    }
}

fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
