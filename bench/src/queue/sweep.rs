//! How many jobs the relay hands over at once, and how many are worked on at once. Relay, workers and runner are the libraries of
//! the origin, in this process, since the batch is no setting; their jobs do nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use sluicegate_bullmq::{Bull, BullSettings, Relay, Workers};
use sluicegate_core::env::Env;
use sluicegate_core::job::{LeasedJob, POST_JOB, POST_QUEUE};
use sluicegate_core::wake::Waker;
use sluicegate_local::system_env;
use sluicegate_postgres::{Database, Options as Pool};
use sluicegate_redis_address::RedisAddress;
use sluicegate_tests::platform::Options;
use sluicegate_worker::{Job, JobError, Outcome, QueueSettings, Registry, Runner, RunnerSettings};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::jobs::{Owners, Writer};
use super::{NO_REDIS, redis, skipped};
use crate::load::{Size, count};
use crate::origin::{Bench, Row, Thing};
use crate::report::{number, spread};

pub(super) const HEAD: [&str; 7] = [
    "queue",
    "handed over",
    "1 at once",
    "4",
    "8 (`POST_JOBS` by default)",
    "16",
    "32",
];
/// As the head says.
const AT_ONCE: [u32; 5] = [1, 4, 8, 16, 32];
const BATCHES: [u32; 5] = [1, 8, 32, 200, 1_000];
/// In turns, so that nobody has the quiet moments.
const ROUNDS: usize = 3;
const JOBS: usize = 2_000;
/// One after the other they take long: so many for each that is worked on at once.
const JOBS_FOR_EACH: usize = 500;
/// `DATABASE_POOL` as it is if nobody sets it.
const CONNECTIONS: u32 = 16;
const CALL: Duration = Duration::from_secs(5);

pub(super) async fn rows(size: Size) -> Result<Vec<Row>> {
    let options = Options {
        no_workers: true,
        ..Options::default()
    };
    let bench = Bench::start(options).await?;
    let sweep = Sweep::new(&bench, size).await?;
    let redis = redis().await;
    let bull = match &redis {
        Some(redis) => Some(Bull::new(RedisAddress::parse(&redis.url(), None)?, CALL)),
        None => None,
    };
    let bull = bull.map(Arc::new);
    let mut figures: Vec<Figures> = Vec::new();
    for round in 1..=ROUNDS {
        println!("batches and jobs at once, round {round} of {ROUNDS} …");
        figures.push(sweep.round(bull.as_ref()).await?);
    }
    sweep.close().await;
    bench.stop().await?;
    let mut rows = vec![row("table".to_owned(), &cells(&figures, 0))];
    if bull.is_none() {
        rows.push(skipped("BullMQ by our relay", NO_REDIS));
        return Ok(rows);
    }
    for (batch, place) in BATCHES.into_iter().zip(1..) {
        let mark = if batch == BullSettings::new("bench").batch {
            " (the default)"
        } else {
            ""
        };
        let name = format!("BullMQ, {batch} in a batch{mark}");
        rows.push(row(name, &cells(&figures, place)));
    }
    Ok(rows)
}

/// Of one round: a line for the table and for each batch, a figure for each column. The table hands nothing over.
type Figures = Vec<Vec<Option<f64>>>;

/// What each round found in this line.
fn cells(rounds: &[Figures], line: usize) -> Vec<&[Option<f64>]> {
    let lines = rounds.iter().filter_map(|figures| figures.get(line));
    lines.map(Vec::as_slice).collect()
}

fn row(name: String, rounds: &[&[Option<f64>]]) -> Row {
    let median = |column: usize| {
        let figures = rounds.iter().filter_map(|line| *line.get(column)?);
        let figures: Vec<f64> = figures.collect();
        if figures.is_empty() {
            return String::new();
        }
        let (median, _, _) = spread(figures.into_iter());
        format!("{}/s", number(median))
    };
    let columns = (0..=AT_ONCE.len()).map(median);
    std::iter::once(name).chain(columns).collect()
}

struct Sweep<'a> {
    bench: &'a Bench,
    size: Size,
    writer: Writer,
    database: Database,
    env: Env,
    waker: Waker,
}

/// Does nothing.
struct Nothing;

#[async_trait]
impl Job for Nothing {
    fn queue(&self) -> &'static str {
        POST_QUEUE
    }

    fn name(&self) -> &'static str {
        POST_JOB
    }

    async fn run(&self, _: &LeasedJob) -> Result<Outcome, JobError> {
        Ok(Outcome::Done)
    }
}

impl<'a> Sweep<'a> {
    async fn new(bench: &'a Bench, size: Size) -> Result<Self> {
        let url = bench.platform.database_url()?;
        let pool = Pool {
            max_connections: CONNECTIONS,
            ..Pool::default()
        };
        Ok(Self {
            bench,
            size,
            writer: Writer::connect(&url).await?,
            database: Database::connect(&url, &pool).await?,
            env: system_env(),
            waker: Waker::new(),
        })
    }

    async fn close(self) {
        self.writer.close().await;
        self.database.close().await;
    }

    async fn round(&self, bull: Option<&Arc<Bull>>) -> Result<Figures> {
        let mut figures = vec![self.of_table().await?];
        if let Some(bull) = bull {
            for batch in BATCHES {
                figures.push(self.of_batch(bull, batch).await?);
            }
        }
        Ok(figures)
    }

    /// A claim takes what is free: the batch is at most what is worked on at once.
    async fn of_table(&self) -> Result<Vec<Option<f64>>> {
        let mut line = vec![None];
        for at_once in AT_ONCE {
            let runner = self.runner(at_once);
            let drained = self.drained(at_once, move |tasks, stop| {
                tasks.spawn(runner.run(stop));
            });
            line.push(Some(drained.await?));
        }
        Ok(line)
    }

    async fn of_batch(&self, bull: &Arc<Bull>, batch: u32) -> Result<Vec<Option<f64>>> {
        let mut line = vec![Some(self.handed_over(bull, batch).await?)];
        for at_once in AT_ONCE {
            let settings = BullSettings {
                batch,
                ..BullSettings::new("bench")
            };
            let relay = self.relay(bull, settings);
            let workers = self.workers(bull, at_once);
            let drained = self.drained(at_once, move |tasks, stop| {
                let relay_stop = stop.clone();
                tasks.spawn(async move { relay.run(&[POST_QUEUE], relay_stop).await });
                tasks.spawn(async move { workers.run(&[(POST_QUEUE, at_once)], stop).await });
            });
            line.push(Some(drained.await?));
        }
        Ok(line)
    }

    /// How many rows a second come to Redis while nobody works there.
    async fn handed_over(&self, bull: &Arc<Bull>, batch: u32) -> Result<f64> {
        let total = self
            .size
            .of(JOBS)
            .min(JOBS_FOR_EACH * usize::try_from(batch)?);
        let written = self.writer.write(total, Owners::Many).await?.done;
        let settings = BullSettings {
            batch,
            window: u32::try_from(total)?.saturating_mul(2),
            ..BullSettings::new("bench")
        };
        let relay = self.relay(bull, settings);
        let (began, mut handed) = (Instant::now(), 0);
        loop {
            match relay.relay_once(POST_QUEUE).await? {
                0 => break,
                some => handed += some,
            }
        }
        let took = began.elapsed();
        ensure!(handed == written, "{handed} of {written} were handed over");
        let workers = self.workers(bull, 32);
        self.while_at_work(
            move |tasks, stop| {
                tasks.spawn(async move { workers.run(&[(POST_QUEUE, 32)], stop).await });
            },
            self.bench.until_none(Thing::PostJobs),
        )
        .await?;
        Ok(count(handed) / took.as_secs_f64().max(f64::EPSILON))
    }

    /// Jobs a second, of rows that wait when work begins.
    async fn drained(
        &self,
        at_once: u32,
        begin: impl FnOnce(&mut JoinSet<()>, CancellationToken),
    ) -> Result<f64> {
        let most = JOBS_FOR_EACH * usize::try_from(at_once)?;
        let total = self.size.of(JOBS).min(most);
        let written = self.writer.write(total, Owners::Many).await?.done;
        let took = self
            .while_at_work(begin, self.bench.until_none(Thing::PostJobs))
            .await?;
        Ok(count(written) / took.as_secs_f64().max(f64::EPSILON))
    }

    async fn while_at_work<T>(
        &self,
        begin: impl FnOnce(&mut JoinSet<()>, CancellationToken),
        until: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        begin(&mut tasks, stop.clone());
        let value = until.await?;
        stop.cancel();
        while let Some(ended) = tasks.join_next().await {
            ended.context("a task of the queue")?;
        }
        Ok(value)
    }

    fn runner(&self, at_once: u32) -> Runner {
        let mut settings = RunnerSettings::new("bench");
        settings.queues = vec![QueueSettings {
            queue: POST_QUEUE,
            concurrency: at_once,
        }];
        let registry = Registry::new(vec![Arc::new(Nothing)]);
        let (env, waker) = (self.env.clone(), self.waker.clone());
        Runner::new(self.database.jobs(), registry, env, waker, settings)
    }

    fn relay(&self, bull: &Arc<Bull>, settings: BullSettings) -> Relay {
        let (env, waker) = (self.env.clone(), self.waker.clone());
        Relay::new(bull.clone(), self.database.relay(), env, waker, settings)
    }

    fn workers(&self, bull: &Arc<Bull>, at_once: u32) -> Workers {
        let hands = self.runner(at_once).hands();
        let (rows, env) = (self.database.relay(), self.env.clone());
        Workers::new(bull.clone(), rows, hands, env, BullSettings::new("bench"))
    }
}
