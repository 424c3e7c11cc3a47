//! So many operations, so many at once, for at most so long.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// No load runs longer.
const LONGEST: Duration = Duration::from_mins(3);
/// More failures than this end a run: its figures would mean nothing.
const FAILURES: usize = 20;

/// How much of the full run is done.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Size {
    /// 1 is the run that figures are taken from; 0.01 shows that it works
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
}

impl Size {
    /// The share of a full count; at least 4.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a count of a few thousand"
    )]
    pub(crate) fn of(self, full: usize) -> usize {
        ((full as f64 * self.scale) as usize).max(4)
    }
}

/// How a load went.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) done: usize,
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    latencies: Vec<Duration>,
}

impl Run {
    pub(crate) fn per_second(&self) -> f64 {
        count(self.done) / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// Millions of bytes a second.
    pub(crate) fn megabytes_per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few billion bytes")]
        let bytes = self.bytes as f64;
        bytes / 1e6 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// The latency that this many of a hundred stay below.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        percentile(&self.latencies, percent)
    }

    /// Two runs behind each other as one.
    pub(crate) fn add(&mut self, other: Self) {
        self.done += other.done;
        self.bytes += other.bytes;
        self.elapsed += other.elapsed;
        self.latencies.extend(other.latencies);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of a few thousand")]
pub(crate) fn count(count: usize) -> f64 {
    count as f64
}

/// What this many of a hundred stay below; zero of nothing.
pub(crate) fn percentile(values: &[Duration], percent: usize) -> Duration {
    let mut values = values.to_vec();
    values.sort_unstable();
    let at = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or_default()
}

/// Runs `operation` with the numbers from 0 to `total`, `at_once` of them at a time. What it answers is
/// counted as bytes.
pub(crate) async fn run<F, O>(total: usize, at_once: usize, operation: F) -> Result<Run>
where
    F: Fn(usize) -> O + Send + Sync + 'static,
    O: Future<Output = Result<u64>> + Send,
{
    let operation = Arc::new(operation);
    let (next, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let tasks: Vec<_> = (0..at_once.min(total))
        .map(|_| {
            let (operation, next) = (Arc::clone(&operation), Arc::clone(&next));
            let failed = Arc::clone(&failed);
            tokio::spawn(async move {
                let mut own = Run::default();
                let mut said = None;
                while start.elapsed() < LONGEST && failed.load(Ordering::Relaxed) <= FAILURES {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= total {
                        break;
                    }
                    let began = Instant::now();
                    match operation(number).await {
                        Ok(bytes) => {
                            own.done += 1;
                            own.bytes += bytes;
                            own.latencies.push(began.elapsed());
                        }
                        Err(error) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            said = Some(error);
                        }
                    }
                }
                (own, said)
            })
        })
        .collect();
    let mut whole = Run::default();
    let mut last = None;
    for task in tasks {
        let (own, said) = task.await?;
        whole.add(own);
        last = said.or(last);
    }
    whole.elapsed = start.elapsed();
    if let Some(error) = last {
        let failed = failed.load(Ordering::Relaxed);
        if failed > FAILURES || whole.done == 0 {
            bail!("{failed} operations failed, the last with: {error:#}");
        }
        println!("  ({failed} operations failed, the last with: {error:#})");
    }
    Ok(whole)
}
