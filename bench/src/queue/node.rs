//! BullMQ as Node has it: the real packages, with jobs that nobody keeps a row for.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};
use serde::Deserialize;
use sluicegate_conformance::servers::{RedisServer, node_peer};
use sluicegate_tests::process::Program;

use super::jobs::WRITERS;
use super::pid;
use super::throughput::{AT_ONCE, Round};
use crate::load::count;
use crate::usage::cpu_of_all;

/// Beside the packages that the tests of the queue on Redis use.
const SCRIPT: &str = include_str!("node.mjs");
/// Longer takes none of it.
const LIMIT: Duration = Duration::from_mins(3);
/// What our relay hands over at once.
const BATCH: usize = 200;

/// How its producer adds jobs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Adding {
    /// `add`, many at once.
    Single,
    /// `addBulk`, one after the other.
    Bulk,
}

impl Adding {
    pub(super) const ALL: [Self; 2] = [Self::Single, Self::Bulk];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Single => "BullMQ of Node, add",
            Self::Bulk => "BullMQ of Node, addBulk",
        }
    }

    /// Jobs in a call, and calls at once.
    fn how(self) -> [String; 2] {
        match self {
            Self::Single => ["1".to_owned(), WRITERS.to_string()],
            Self::Bulk => [BATCH.to_string(), "1".to_owned()],
        }
    }
}

/// Node with its packages.
pub(super) struct Node {
    program: PathBuf,
    script: String,
}

/// What the script says at its end.
#[derive(Deserialize)]
struct Said {
    seconds: f64,
    /// Seconds; of workers only.
    #[serde(default)]
    cpu: f64,
}

impl Node {
    /// Installs the packages beside this program, once.
    pub(super) fn get() -> Result<Self, String> {
        let program = std::env::var_os("SLUICEGATE_NODE").unwrap_or_else(|| "node".into());
        Command::new(&program)
            .arg("--version")
            .output()
            .map_err(|error| format!("no node: {error}"))?;
        let folder = install().map_err(|error| format!("{error:#}"))?;
        Ok(Self {
            program: program.into(),
            script: folder.join("node.mjs").to_string_lossy().into_owned(),
        })
    }

    /// Adds jobs that nobody works on yet, then works on them.
    pub(super) async fn round(
        &self,
        redis: &RedisServer,
        adding: Adding,
        round: usize,
        total: usize,
    ) -> Result<Round> {
        let queue = format!("node-{adding:?}-{round}").to_lowercase();
        let (jobs, at_once) = (total.to_string(), AT_ONCE.to_string());
        let [in_one_call, calls] = adding.how();
        let added = self
            .run(redis, &["add", &queue, &jobs, &in_one_call, &calls])
            .await?;
        let before = cpu_of_all(pid(redis)?)?;
        let worked = self.run(redis, &["work", &queue, &jobs, &at_once]).await?;
        let used = cpu_of_all(pid(redis)?)?.saturating_sub(before);
        let completed = redis.completed(&queue);
        ensure!(
            completed == u64::try_from(total)?,
            "{completed} of {total} jobs were completed"
        );
        Ok(Round {
            enqueued: count(total) / added.seconds,
            drained: count(total) / worked.seconds,
            worker: Duration::from_secs_f64(worked.cpu / count(total)),
            postgres: None,
            redis: used.checked_div(u32::try_from(total)?),
        })
    }

    async fn run(&self, redis: &RedisServer, arguments: &[&str]) -> Result<Said> {
        let arguments = [&[self.script.as_str()], arguments].concat();
        let environment = [("REDIS_URL".to_owned(), redis.url())];
        let program = Program::start(&self.program, &arguments, &environment)?;
        let lines = program.finish(LIMIT).await?;
        let last = lines.last().context("what Node measured")?;
        serde_json::from_str(last).with_context(|| lines.join("\n"))
    }
}

fn install() -> Result<PathBuf> {
    let folder = std::env::current_exe()?.with_file_name("bench-node");
    node_peer(&folder).map_err(Error::msg)?;
    std::fs::write(folder.join("node.mjs"), SCRIPT)?;
    Ok(folder)
}
