//! The queues against each other: the table's, BullMQ by our relay, and BullMQ of Node on the same Redis ([`throughput`]); how
//! they grow with workers that wait ([`scaling`]); and which batches and how many jobs at once serve them best ([`sweep`]).

mod detector;
mod jobs;
mod node;
mod scaling;
mod sweep;
mod throughput;

use anyhow::{Context, Result};
use rustix::process::Pid;
use sluicegate_conformance::servers::RedisServer;

use crate::load::Size;
use crate::origin::Row;
use crate::report::table;

const NO_REDIS: &str = "skipped: no redis-server on PATH, and SLUICEGATE_REDIS_SERVER names none";

pub(crate) async fn main(size: Size) -> Result<()> {
    let throughput = throughput::rows(size).await?;
    let scaling = scaling::rows(size).await?;
    let sweep = sweep::rows(size).await?;
    println!("\nEnqueued and drained, median of the rounds (least to largest):\n");
    table(&throughput::HEAD, &throughput);
    println!("\nPictures judged by a detector that takes half a second:\n");
    table(&scaling::HEAD, &scaling);
    println!(
        "\nJobs that do nothing, drained a second, by how many at once (medians of the rounds):\n"
    );
    table(&sweep::HEAD, &sweep);
    Ok(())
}

/// A Redis as production has it: keys are not evicted, and what was written is synced every second.
async fn redis() -> Option<RedisServer> {
    RedisServer::start(&["--appendfsync", "everysec"], "the queue on Redis").await
}

fn pid(redis: &RedisServer) -> Result<Pid> {
    let info = redis.ask(&["INFO", "server"]);
    let mut lines = info.lines();
    let pid = lines.find_map(|line| line.trim().strip_prefix("process_id:")?.parse().ok());
    pid.and_then(Pid::from_raw).context("its process id")
}

/// A row for what cannot be measured here.
fn skipped(what: &str, reason: &str) -> Row {
    vec![what.to_owned(), reason.to_owned()]
}
