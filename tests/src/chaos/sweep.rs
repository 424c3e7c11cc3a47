//! The sweep as a drill, days ahead of its time, and the audit that follows it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sluicegate_contract::accounts::Account;

use super::load::{Done, Ledger};
use super::world::World;
use crate::process::{Program, program};

const LIMIT: Duration = Duration::from_mins(2);
/// Tickets run out and what is loose is found; what was loose for a day ends; objects are deleted a second time.
const HOURS_AHEAD: [&str; 3] = ["2", "30", "32"];

/// What is in the store after everything was swept that nobody needs.
pub struct Swept {
    /// The audit's rows: what, and how many.
    pub audit: Vec<(String, u64)>,
    /// Pictures that profiles and posts show, all of which are there.
    pub shown: u64,
    /// Pictures that nothing can show, all of which are gone.
    pub gone: u64,
}

impl Swept {
    /// A row of the audit.
    pub fn count(&self, what: &str) -> Result<u64> {
        let row = self.audit.iter().find(|(name, _)| name == what);
        Ok(row.with_context(|| format!("{what} in the audit"))?.1)
    }
}

/// Sweeps as the workers will in the next days, audits rows against objects, and looks at every picture.
pub async fn drill(world: &World, ledger: &Ledger) -> Result<Swept> {
    for hours in HOURS_AHEAD {
        run(world, &["sweep", "--ahead-hours", hours]).await?;
    }
    let output = run(world, &["doctor", "--deep"]).await?;
    let table = output.iter().skip_while(|line| !line.starts_with("audit "));
    let audit = table.filter_map(|line| audit_row(line)).collect();
    let (mut shown, mut gone) = (0, 0);
    for (client, done) in &ledger.people {
        let pictures = shown_by(&client.me().await?, done);
        for done in done {
            let Done::Picture {
                upload,
                purpose,
                bad: false,
            } = done
            else {
                continue;
            };
            let is_shown = pictures.contains(&upload.url);
            if !is_shown && *purpose == "post_header" {
                // A post may show it whose answer was lost, and one that was removed keeps its picture.
                continue;
            }
            let answer = world.client()?.get(&upload.url).await?;
            let status = if is_shown { 200 } else { 404 };
            ensure!(
                answer.status == status,
                "{} of {}: {status} expected, not {}",
                purpose,
                upload.id,
                answer.status
            );
            shown += u64::from(is_shown);
            gone += u64::from(!is_shown);
        }
    }
    let swept = Swept { audit, shown, gone };
    for what in [
        "missing",
        "leftovers",
        "judged twice",
        "judged without record",
    ] {
        let count = swept.count(what)?;
        ensure!(
            count == 0,
            "the audit found {what}: {count}\n{}",
            output.join("\n")
        );
    }
    ensure!(swept.count("objects")? >= shown, "{}", output.join("\n"));
    Ok(swept)
}

async fn run(world: &World, arguments: &[&str]) -> Result<Vec<String>> {
    let path = program("sluicegate-origin")?;
    let program = Program::start(&path, arguments, &world.settings())?;
    program.finish(LIMIT).await
}

/// `judged twice  0  what it means`: names end at two spaces.
fn audit_row(line: &str) -> Option<(String, u64)> {
    let (name, rest) = line.split_once("  ")?;
    let count = rest.split_whitespace().next()?.parse().ok()?;
    Some((name.trim().to_owned(), count))
}

/// The addresses of the pictures that somebody's profile and posts show.
fn shown_by(me: &Account, done: &[Done]) -> Vec<String> {
    let avatar = me
        .profile
        .avatar
        .as_ref()
        .map(|picture| picture.url.clone());
    let headers = done.iter().filter_map(|done| match done {
        Done::Post { post, bad: false } => Some(post.header.as_ref()?.url.clone()),
        _ => None,
    });
    avatar.into_iter().chain(headers).collect()
}
