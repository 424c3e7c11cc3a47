//! How many jobs a second are enqueued, and how many are done.

use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Pid;
use sluicegate_tests::platform::{Options, STOP_LIMIT};
use sluicegate_tests::redis::Redis;

use super::jobs::Writer;
use super::node::{Adding, Node};
use super::{NO_REDIS, redis, skipped};
use crate::load::Size;
use crate::origin::{Bench, Row, Thing};
use crate::report::{number, spread};
use crate::usage::cpu_of_all;

pub(super) const HEAD: [&str; 6] = [
    "queue",
    "enqueued",
    "drained",
    "CPU of the worker, a job",
    "of Postgres",
    "of Redis",
];
const JOBS: usize = 4_000;
/// In turns, so that nobody has the quiet moments.
const ROUNDS: usize = 3;
/// Jobs at once, of our worker and of Node's.
pub(super) const AT_ONCE: usize = 8;
const TABLE: &str = "table";
const RELAYED: &str = "BullMQ by our relay";

/// What one round of one queue gave.
#[derive(Default)]
pub(super) struct Round {
    /// A second.
    pub(super) enqueued: f64,
    /// A second.
    pub(super) drained: f64,
    /// For each drained job.
    pub(super) worker: Duration,
    pub(super) postgres: Option<Duration>,
    pub(super) redis: Option<Duration>,
}

/// A platform without workers.
struct Ours {
    bench: Bench,
    writer: Writer,
    redis: Option<Redis>,
}

pub(super) async fn rows(size: Size) -> Result<Vec<Row>> {
    let total = size.of(JOBS);
    let table = Ours::start(None).await?;
    let relayed = match redis().await? {
        Some(redis) => Some(Ours::start(Some(redis)).await?),
        None => None,
    };
    let node = Node::get();
    let (mut of_table, mut of_relay) = (Vec::new(), Vec::new());
    let mut of_node: Vec<(Adding, Vec<Round>)> =
        Adding::ALL.map(|adding| (adding, Vec::new())).into();
    for round in 0..ROUNDS {
        println!(
            "{total} jobs in each queue, round {} of {ROUNDS} …",
            round + 1
        );
        of_table.push(table.round(total).await?);
        let Some(relayed) = &relayed else { continue };
        of_relay.push(relayed.round(total).await?);
        let (Ok(node), Some(redis)) = (&node, &relayed.redis) else {
            continue;
        };
        for (adding, rounds) in &mut of_node {
            rounds.push(node.round(redis, *adding, round, total).await?);
        }
    }
    table.stop().await?;
    let mut rows = vec![row(TABLE, &of_table)];
    match relayed {
        Some(relayed) => {
            relayed.stop().await?;
            rows.push(row(RELAYED, &of_relay));
        }
        None => rows.push(skipped(RELAYED, NO_REDIS)),
    }
    for (adding, rounds) in &of_node {
        rows.push(match &node {
            _ if !rounds.is_empty() => row(adding.name(), rounds),
            Err(reason) => skipped(adding.name(), &format!("skipped: {reason}")),
            Ok(_) => skipped(adding.name(), NO_REDIS),
        });
    }
    Ok(rows)
}

impl Ours {
    async fn start(redis: Option<Redis>) -> Result<Self> {
        let mut options = Options {
            no_workers: true,
            ..Options::default()
        };
        if let Some(redis) = &redis {
            options = options.setting("REDIS_URL", &redis.url());
        }
        let bench = Bench::start(options.setting("POST_JOBS", &AT_ONCE.to_string())).await?;
        let writer = Writer::connect(&bench.platform.database_url()?).await?;
        Ok(Self {
            bench,
            writer,
            redis,
        })
    }

    /// Jobs are written while nobody works; then one `work` process begins.
    async fn round(&self, total: usize) -> Result<Round> {
        let written = self.writer.write(total).await?;
        let waiting = self.bench.number_of(Thing::PostJobs).await?;
        ensure!(
            waiting >= u64::try_from(written.done)?,
            "only {waiting} of {} jobs wait",
            written.done
        );
        let worker = self.bench.platform.start_worker().await?;
        let before = self.used(worker.pid()?)?;
        // What it did before it could be asked about is not credited to it.
        let left = self.bench.number_of(Thing::PostJobs).await?;
        let took = self.bench.until_none(Thing::PostJobs).await?;
        let after = self.used(worker.pid()?)?;
        worker.stop(STOP_LIMIT).await?;
        let left = u32::try_from(left)?;
        let of_job = |(after, before): (Duration, Duration)| {
            after
                .saturating_sub(before)
                .checked_div(left)
                .unwrap_or_default()
        };
        Ok(Round {
            enqueued: written.per_second(),
            drained: f64::from(left) / took.as_secs_f64().max(f64::EPSILON),
            worker: of_job((after.worker, before.worker)),
            postgres: Some(of_job((after.postgres, before.postgres))),
            redis: after.redis.zip(before.redis).map(of_job),
        })
    }

    fn used(&self, worker: Pid) -> Result<Used> {
        let redis = self.redis.as_ref();
        Ok(Used {
            worker: cpu_of_all(worker)?,
            postgres: cpu_of_all(self.bench.platform.postmaster()?)?,
            redis: redis.map(|redis| cpu_of_all(redis.pid()?)).transpose()?,
        })
    }

    async fn stop(self) -> Result<()> {
        self.writer.close().await;
        self.bench.stop().await.map(drop)
    }
}

/// CPU time so far.
struct Used {
    worker: Duration,
    postgres: Duration,
    redis: Option<Duration>,
}

fn row(queue: &str, rounds: &[Round]) -> Row {
    let rate = |of: fn(&Round) -> f64| {
        let (median, least, most) = spread(rounds.iter().map(of));
        let [median, least, most] = [median, least, most].map(number);
        format!("{median}/s ({least} to {most})")
    };
    let cost = |of: fn(&Round) -> Option<Duration>| {
        let costs: Vec<f64> = rounds
            .iter()
            .filter_map(of)
            .map(|cost| cost.as_secs_f64() * 1e3)
            .collect();
        if costs.is_empty() {
            return String::new();
        }
        let (median, _, _) = spread(costs.into_iter());
        format!("{median:.2} ms")
    };
    vec![
        queue.to_owned(),
        rate(|round| round.enqueued),
        rate(|round| round.drained),
        cost(|round| Some(round.worker)),
        cost(|round| round.postgres),
        cost(|round| round.redis),
    ]
}
