//! `doctor`: every setting in force, whether every service that they point to answers and does what we rely on, and
//! what to do where it does not.

mod database;
mod finding;
mod judges;
mod machine;
mod redis;
mod replicas;
mod store;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use sluicegate_contract::time::Timestamp;
use sluicegate_embedded::services::{Services, read};
use sluicegate_local::system_env;

use crate::cli;
use crate::places::data_folder;
use crate::settings::{Settings, Shown};
use crate::table::table;

use finding::{Finding, State};

/// Prints settings and findings; exit code 1 if something that is needed fails.
pub async fn command(settings: &Settings, options: cli::Doctor) -> Result<ExitCode> {
    let findings = look(settings).await;
    if options.json {
        let report = json!({
            "settings": settings.shown.iter().map(setting_json).collect::<Vec<_>>(),
            "checks": findings.iter().map(Finding::json).collect::<Vec<_>>(),
        });
        println!("{report}");
    } else {
        let rows: Vec<_> = settings.shown.iter().map(setting_row).collect();
        println!("{}", table(["setting", "value", "from"], &rows));
        let rows: Vec<_> = findings.iter().map(Finding::row).collect();
        print!(
            "{}",
            table(["check", "where", "found", "what to do"], &rows)
        );
    }
    let sound = !findings.iter().any(Finding::is_wrong);
    let agree = match options.deep.then(|| comparable(&findings)) {
        None => true,
        Some(Ok(())) => crate::deep::look(settings).await?,
        Some(Err(what)) => {
            eprintln!(
                "database and store were not compared, because of what is wrong above: {what}"
            );
            false
        }
    };
    Ok(if sound && agree {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What does not answer, or not as it should, cannot be compared: the first such. Jobs that wait, a detector that is away and
/// the like stop nobody: after a restore they are to be expected.
fn comparable(findings: &[Finding]) -> Result<(), &'static str> {
    let needed = [database::WHAT, store::WHAT, store::BUCKET];
    let mut wrong = findings.iter().filter(|finding| finding.is_wrong());
    match wrong.find(|finding| needed.contains(&finding.what)) {
        Some(finding) => Err(finding.what),
        None => Ok(()),
    }
}

async fn look(settings: &Settings) -> Vec<Finding> {
    let env = system_env();
    let running = running(settings).await;
    let running = running
        .as_ref()
        .map(Option::as_ref)
        .map_err(|error| format!("{error:#}"));
    let (database, queue, objects, detectors, purge_hook, text_model, collector, decoder) = tokio::join!(
        database::look(settings, &running, &env),
        redis::look(settings),
        // Boxed: it holds every request to the store.
        Box::pin(store::look(settings, &running, &env)),
        judges::detectors(settings),
        judges::purge_hook(settings),
        judges::text_model(settings),
        judges::collector(settings),
        machine::decoder(),
    );
    let mut findings = database;
    findings.extend(queue);
    findings.extend(objects);
    findings.extend(detectors);
    findings.extend([purge_hook, text_model, judges::policy(settings)]);
    findings.extend(collector);
    findings.push(decoder);
    findings.extend(machine::disk(settings));
    findings.extend(machine::edge_key(settings));
    findings
}

/// The embedded services of the data folder, if they run; else why that cannot be told.
type Running<'a> = Result<Option<&'a Services>, String>;

async fn running(settings: &Settings) -> Result<Option<Services>> {
    let folder = data_folder(settings)?;
    if !folder.is_dir() {
        return Ok(None);
    }
    Ok(read(&folder).await?)
}

/// How far two clocks are apart.
fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}

fn from(shown: &Shown) -> &'static str {
    if shown.given {
        "environment"
    } else {
        "default"
    }
}

fn setting_row(shown: &Shown) -> [String; 3] {
    let value = if shown.value.is_empty() {
        "-"
    } else {
        &shown.value
    };
    [
        shown.name.to_owned(),
        value.to_owned(),
        from(shown).to_owned(),
    ]
}

fn setting_json(shown: &Shown) -> Value {
    json!({ "name": shown.name, "value": shown.value, "from": from(shown) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(what: &'static str, wrong: bool) -> Finding {
        let state = if wrong {
            State::Wrong("wrong".to_owned(), "mend it")
        } else {
            State::ok("ok")
        };
        Finding::new(what, "-", state)
    }

    #[test]
    fn old_jobs_keep_nobody_from_comparing_and_a_lost_store_does() {
        let sound = [database::WHAT, store::WHAT, store::BUCKET].map(|what| finding(what, false));
        assert_eq!(comparable(&sound), Ok(()));
        for beside in ["jobs", "detector", "redis"] {
            let findings = [finding(beside, true), finding(database::WHAT, false)];
            assert_eq!(comparable(&findings), Ok(()), "{beside}");
        }
        for needed in [database::WHAT, store::WHAT, store::BUCKET] {
            let findings = [finding("jobs", true), finding(needed, true)];
            assert_eq!(comparable(&findings), Err(needed));
        }
    }
}
