//! What waits: how fast it is worked off, and that it does not grow without end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use sluicegate_tests::platform::{Options, STOP_LIMIT};

use super::pictures::{UPLOADS_AT_ONCE, time_to_ready};
use super::{Bench, POSTS, Row, Thing, pid};
use crate::load::{Size, count, percentile};
use crate::report::number;
use crate::usage::cpu;

/// Enough to see whether the backlog still grows.
const UPLOADS: usize = 240;
/// The staging budget, in photos.
const ROOM: usize = 24;

/// Jobs of posts that waited for a worker of their own, by the origin's own count.
pub(super) async fn drained(size: Size) -> Result<Vec<Row>> {
    let total = size.of(POSTS);
    println!("{total} jobs of posts that wait for a worker …");
    let mut bench = Bench::start(Options {
        no_workers: true,
        ..Options::default()
    })
    .await?;
    let written = bench.write(total).await?;
    let waiting = bench.number_of(Thing::PostJobs).await?;
    ensure!(
        waiting >= u64::try_from(written.done)?,
        "only {waiting} of {} jobs wait",
        written.done
    );
    let worker = bench.platform.start_worker().await?;
    let before = cpu(pid(&worker)?)?;
    // What it did before it could be asked about is not credited to it.
    let left = bench.number_of(Thing::PostJobs).await?;
    let took = bench.until_none(Thing::PostJobs).await?;
    let used = cpu(pid(&worker)?)?.since(before).own;
    bench.row(
        "post jobs drained",
        format!("{}/s", number(count(usize::try_from(left)?) / took.as_secs_f64())),
        format!(
            "{waiting} waited for one worker; {left} when it was first looked at, none {:.1} s later; it used {:.1} s of CPU",
            took.as_secs_f64(),
            used.as_secs_f64()
        ),
    );
    worker.stop(STOP_LIMIT).await?;
    bench.stop().await
}

/// More photos than can be made, and a staging budget: the backlog stays where the budget holds it.
pub(super) async fn bounded(size: Size, photo: Vec<u8>) -> Result<Vec<Row>> {
    let total = size.of(UPLOADS);
    println!("{total} photos of 12 MP with room for {ROOM} …");
    let budget = (photo.len() * ROOM).to_string();
    let options = Options::default().setting("STAGING_BUDGET_BYTES", &budget);
    let mut bench = Bench::start(options).await?;
    let began = Instant::now();
    let load = bench.upload_all(Bytes::from(photo), total);
    let (sent, waiting) = bench.watched(load, Thing::Pictures).await?;
    let ended = bench.wait_for_uploads(&sent.ids).await?;
    let whole = began.elapsed();
    let waits: Vec<Duration> = ended.iter().filter_map(time_to_ready).collect();
    let half = waiting.len() / 2;
    let (first, second) = waiting.split_at_checked(half).context("two halves")?;
    bench.row(
        "backlog with room for 24 photos, 12 MP",
        format!("{} at most", most(&waiting)),
        format!(
            "{} in the first half, {} in the second, of {} photos, {UPLOADS_AT_ONCE} senders who try again at once; \
             {} tries told 503; {} ready per second; time to ready: p50 {} ms, p95 {} ms",
            most(first),
            most(second),
            sent.run.done,
            sent.refused,
            number(count(waits.len()) / whole.as_secs_f64()),
            percentile(&waits, 50).as_millis(),
            percentile(&waits, 95).as_millis(),
        ),
    );
    bench.stop().await
}

fn most(seen: &[u64]) -> u64 {
    seen.iter().copied().max().unwrap_or_default()
}
