//! How many jobs a second are enqueued, and how many are done.

use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Pid;
use sluicegate_conformance::servers::RedisServer;
use sluicegate_tests::platform::{Options, STOP_LIMIT};

use super::jobs::{Owners, Writer};
use super::node::{Adding, Node};
use super::{NO_REDIS, pid, redis, skipped};
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
/// Of the jobs of many, when all are of one owner.
const SHARE_OF_ONE: usize = 4;
const TABLE: [&str; 2] = ["table", "table, jobs of one owner"];
const RELAYED: [&str; 2] = [
    "BullMQ by our relay",
    "BullMQ by our relay, jobs of one owner",
];

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
    redis: Option<RedisServer>,
    rounds: [Vec<Round>; 2],
}

pub(super) async fn rows(size: Size) -> Result<Vec<Row>> {
    let total = size.of(JOBS);
    let mut table = Ours::start(None).await?;
    let mut relayed = match redis().await {
        Some(redis) => Some(Ours::start(Some(redis)).await?),
        None => None,
    };
    let node = Node::get();
    let mut of_node: Vec<(Adding, Vec<Round>)> =
        Adding::ALL.map(|adding| (adding, Vec::new())).into();
    for round in 0..ROUNDS {
        println!(
            "{total} jobs in each queue, round {} of {ROUNDS} …",
            round + 1
        );
        table.turn(total).await?;
        let Some(relayed) = &mut relayed else {
            continue;
        };
        relayed.turn(total).await?;
        let (Ok(node), Some(redis)) = (&node, &relayed.redis) else {
            continue;
        };
        for (adding, rounds) in &mut of_node {
            rounds.push(node.round(redis, *adding, round, total).await?);
        }
    }
    let mut rows = table.stop(TABLE).await?;
    rows.extend(match relayed {
        Some(relayed) => relayed.stop(RELAYED).await?,
        None => RELAYED.map(|name| skipped(name, NO_REDIS)).into(),
    });
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
    async fn start(redis: Option<RedisServer>) -> Result<Self> {
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
            rounds: [Vec::new(), Vec::new()],
        })
    }

    async fn turn(&mut self, total: usize) -> Result<()> {
        let of_many = self.round(total, Owners::Many).await?;
        let of_one = self.round(total / SHARE_OF_ONE, Owners::One).await?;
        for (rounds, round) in self.rounds.iter_mut().zip([of_many, of_one]) {
            rounds.push(round);
        }
        Ok(())
    }

    /// Jobs are written while nobody works; then one `work` process begins.
    async fn round(&self, total: usize, owners: Owners) -> Result<Round> {
        let written = self.writer.write(total, owners).await?;
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
            redis: redis.map(|redis| cpu_of_all(pid(redis)?)).transpose()?,
        })
    }

    async fn stop(self, names: [&str; 2]) -> Result<Vec<Row>> {
        self.writer.close().await;
        self.bench.stop().await?;
        let rows = names.iter().zip(&self.rounds);
        Ok(rows.map(|(name, rounds)| row(name, rounds)).collect())
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
