//! `jobs`: what failed for good, to be looked at, tried again or given up; and queues, to be paused.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::{JobView, QUEUES};
use sluicegate_core::ports::{JobQueue, JobRelay};
use sluicegate_local::system_env;

use super::with_database;
use crate::cli::Jobs;
use crate::settings::Settings;
use crate::table::table;

/// Jobs that are asked for at once.
const PAGE: u32 = 100;
/// Characters of an error in the list; `show` has all of it.
const ERROR_CHARS: usize = 80;

/// Does it, and prints what came of it. Exit code 1 if a named job was not there.
pub async fn command(settings: &Settings, what: &Jobs) -> Result<ExitCode> {
    let mut all_found = true;
    with_database(settings, async |database| {
        if matches!(what, Jobs::Recall) {
            print!("{}", recall(&*database.relay()).await?);
            return Ok(());
        }
        let (text, found) = run(&*database.jobs(), what, system_env().now()).await?;
        print!("{text}");
        all_found = found;
        Ok(())
    })
    .await?;
    Ok(if all_found {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What to print. Page by page: nobody waits for all rows at once.
pub async fn recall(rows: &dyn JobRelay) -> Result<String> {
    let mut count = 0;
    loop {
        let recalled = rows.recall(PAGE).await?;
        count += recalled;
        if recalled == 0 {
            return Ok(format!("{count} jobs are ready in the database\n"));
        }
    }
}

/// What to print, and whether all that was named was there.
pub async fn run(queue: &dyn JobQueue, what: &Jobs, now: Timestamp) -> Result<(String, bool)> {
    match what {
        Jobs::List { queue: of, limit } => list(queue, of.as_deref(), *limit, now).await,
        Jobs::Pause { queue: of } => pause(queue, of.as_deref(), true, now).await,
        Jobs::Resume { queue: of } => pause(queue, of.as_deref(), false, now).await,
        Jobs::Show { id } => show(queue, *id).await,
        Jobs::Retry { ids, all: true, .. } if !ids.is_empty() => {
            bail!("name jobs, or use --all, not both")
        }
        Jobs::Retry {
            all: true,
            queue: of,
            ..
        } => retry_all(queue, of.as_deref(), now).await,
        Jobs::Retry { ids, .. } if ids.is_empty() => bail!("name at least one job, or use --all"),
        Jobs::Retry { ids, .. } => {
            let mut told = Told::default();
            for id in ids {
                let done = queue.replay(*id, now).await?;
                told.tell(*id, done, "is ready again");
            }
            Ok((told.text, told.found))
        }
        Jobs::Recall => bail!("it is asked of the rows, not of the queue"),
        Jobs::Discard { ids } => {
            let mut told = Told::default();
            for id in ids {
                let done = queue.discard(*id).await?;
                told.tell(*id, done, "is gone");
            }
            Ok((told.text, told.found))
        }
    }
}

/// One line a job that was named.
struct Told {
    text: String,
    found: bool,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            text: String::new(),
            found: true,
        }
    }
}

impl Told {
    fn tell(&mut self, id: JobId, done: bool, what: &str) {
        // Writing to a `String` cannot fail.
        let _ = if done {
            writeln!(self.text, "{id} {what}")
        } else {
            writeln!(
                self.text,
                "{id}: there is no such dead job, or an equal one is open"
            )
        };
        self.found &= done;
    }
}

/// One queue, or all.
async fn pause(
    queue: &dyn JobQueue,
    of: Option<&str>,
    paused: bool,
    now: Timestamp,
) -> Result<(String, bool)> {
    let mut text = String::new();
    for name in named(of) {
        queue.pause(name, paused, now).await?;
        // Writing to a `String` cannot fail.
        let _ = if paused {
            writeln!(text, "{name} is paused: what runs ends, nothing is begun")
        } else {
            writeln!(text, "{name} goes on")
        };
    }
    Ok((text, true))
}

fn named(of: Option<&str>) -> impl Iterator<Item = &'static str> {
    QUEUES
        .into_iter()
        .filter(move |name| of.is_none_or(|of| of == *name))
}

/// A line for each queue that is.
async fn paused(queue: &dyn JobQueue, of: Option<&str>, now: Timestamp) -> Result<String> {
    let mut text = String::new();
    for name in named(of) {
        let stats = queue.stats(name, now).await?;
        if let Some(since) = stats.paused_since {
            let _ = writeln!(
                text,
                "{name} is paused since {since}, {} ready",
                stats.ready
            );
        }
    }
    Ok(text)
}

async fn list(
    queue: &dyn JobQueue,
    of: Option<&str>,
    limit: u32,
    now: Timestamp,
) -> Result<(String, bool)> {
    let paused = paused(queue, of, now).await?;
    let mut rows = Vec::new();
    let mut after = None;
    while u32::try_from(rows.len())? < limit {
        let left = limit - u32::try_from(rows.len())?;
        let page = queue.dead(of, after, left.min(PAGE)).await?;
        after = page.last().map(|job| job.id);
        if after.is_none() {
            break;
        }
        rows.extend(page.iter().map(row));
    }
    if rows.is_empty() {
        return Ok((paused + "no dead jobs\n", true));
    }
    let head = ["id", "queue", "job", "leases", "died", "why"];
    Ok((paused + &table(head, &rows), true))
}

fn row(job: &JobView) -> [String; 6] {
    let why = job.last_error.as_deref().unwrap_or("-");
    [
        job.id.to_string(),
        job.queue.clone(),
        job.name.clone(),
        job.attempts.to_string(),
        time(job.settled_at),
        short(why),
    ]
}

/// One line of it.
fn short(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(ERROR_CHARS)
        .collect();
    if text.chars().count() > ERROR_CHARS {
        line + "…"
    } else {
        line
    }
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

async fn show(queue: &dyn JobQueue, id: JobId) -> Result<(String, bool)> {
    let Some(job) = queue.job(id).await? else {
        return Ok((format!("{id}: there is no such job\n"), false));
    };
    let lines = [
        ("id", job.id.to_string()),
        ("queue", job.queue),
        ("job", job.name),
        ("state", job.state.as_str().to_owned()),
        ("priority", job.priority.as_str().to_owned()),
        ("leases", job.attempts.to_string()),
        ("attempts at most", job.max_attempts.to_string()),
        ("owner", job.owner.to_string()),
        ("payload", job.payload.to_string()),
        ("trace", job.traceparent.unwrap_or_else(|| "-".to_owned())),
        ("made", job.created_at.to_string()),
        ("not before", job.run_at.to_string()),
        ("ended", time(job.settled_at)),
        ("why", job.last_error.unwrap_or_else(|| "-".to_owned())),
    ];
    let rows = lines.map(|(name, value)| [name.to_owned(), value]);
    Ok((table(["what", "value"], &rows), true))
}

/// Each once, by the order of ids: one that dies again at once is not tried again.
async fn retry_all(
    queue: &dyn JobQueue,
    of: Option<&str>,
    now: Timestamp,
) -> Result<(String, bool)> {
    let (mut after, mut count) = (None, 0_u64);
    loop {
        let page = queue.dead(of, after, PAGE).await?;
        after = page.last().map(|job| job.id);
        if after.is_none() {
            return Ok((format!("{count} jobs are ready again\n"), true));
        }
        for job in page {
            count += u64::from(queue.replay(job.id, now).await?);
        }
    }
}
