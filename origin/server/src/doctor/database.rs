use std::time::Duration;

use anyhow::Result;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Env;
use sluicegate_core::job::QUEUES;
use sluicegate_core::ports::QueueStats;
use sluicegate_embedded::postgres::find_binaries;
use sluicegate_postgres::{Database, Options, Pooling, RoleLimits, SchemaState, probe_pooler};

use super::{Finding, Running, State, apart, replicas};
use crate::places::postgres_search;
use crate::schema;
use crate::settings::{Secret, Settings, without_password};

pub(super) const WHAT: &str = "database";

/// Leases hold for 10 s and go by the clocks of those who work.
const SKEW_NOTED: Duration = Duration::from_secs(2);
const SKEW_WRONG: Duration = Duration::from_secs(10);
/// A job that waits for longer than that waits for a worker, not for its turn.
const AGE_NOTED: Duration = Duration::from_mins(1);
const AGE_WRONG: Duration = Duration::from_mins(15);

pub(super) async fn look(settings: &Settings, running: &Running<'_>, env: &Env) -> Vec<Finding> {
    let (url, place) = match (&settings.database, running) {
        (Some(url), _) => (url.clone(), without_password(url.expose())),
        (None, Ok(Some(services))) => (Secret::new(&services.database_url), "embedded".to_owned()),
        (None, Ok(None)) => return vec![Finding::new(WHAT, "embedded", not_running(settings))],
        (None, Err(error)) => {
            let state = State::Wrong(error.clone(), "check SLUICEGATE_DATA");
            return vec![Finding::new(WHAT, "embedded", state)];
        }
    };
    match ask(settings, &url, &place, env).await {
        Ok(findings) => findings,
        Err(error) => {
            let advice = if settings.database.is_some() {
                "check DATABASE_URL, and that the server runs"
            } else {
                "stop all origins and start one again: it starts the embedded database"
            };
            let state = State::Wrong(format!("{error:#}"), advice);
            vec![Finding::new(WHAT, place, state)]
        }
    }
}

fn not_running(settings: &Settings) -> State {
    match find_binaries(&postgres_search(settings)) {
        Ok(folder) => State::Note(
            format!("not running; would be started from {}", folder.display()),
            "start `sluicegate-origin serve`",
        ),
        Err(error) => State::Wrong(error.to_string(), "install Postgres, or set DATABASE_URL"),
    }
}

async fn ask(settings: &Settings, url: &Secret, place: &str, env: &Env) -> Result<Vec<Finding>> {
    let pooling = probe_pooler(url.expose()).await?;
    if pooling == Pooling::Unfit {
        let state = State::Wrong("it mixes up statements".to_owned(), schema::UNFIT);
        return Ok(vec![Finding::new(WHAT, place, state)]);
    }
    let options = Options {
        max_connections: 1,
        ..Options::default()
    };
    let database = Database::connect(url.expose(), &options).await?;
    let schema = database.schema_state().await?;
    let before = env.now();
    let theirs = database.server_time().await?;
    let ours = middle(before, env.now());
    let mut findings = vec![
        Finding::new(WHAT, place, schema_state(schema, pooling)),
        Finding::new("database's clock", place, clock(apart(ours, theirs))),
        Finding::new(
            "database's role",
            place,
            limits(&database.role_limits().await?),
        ),
    ];
    findings.extend(direct(settings, pooling).await);
    findings.extend(replicas::look(settings, &database).await);
    if schema != SchemaState::Behind {
        let now = env.now();
        let census = database.census(&QUEUES, now).await?;
        let queues = census.queues.iter();
        findings.extend(queues.map(|(queue, stats)| Finding::new("jobs", queue, jobs(stats, now))));
    }
    database.close().await;
    Ok(findings)
}

/// The way past the pooler, where there is one or should be.
async fn direct(settings: &Settings, pooling: Pooling) -> Option<Finding> {
    const DIRECT: &str = "database, past the pooler";
    let Some(url) = &settings.database_direct else {
        let state = State::Note(
            "none: workers learn of new jobs by polling, and `migrate` refuses".to_owned(),
            "set DATABASE_DIRECT_URL to the database itself",
        );
        return (pooling == Pooling::Transaction).then(|| Finding::new(DIRECT, "-", state));
    };
    let state = match probe_pooler(url.expose()).await {
        Ok(Pooling::Session) => State::ok("ok"),
        Ok(_) => State::Wrong(
            "a pooler in transaction mode stands between".to_owned(),
            "set DATABASE_DIRECT_URL to the database itself",
        ),
        Err(error) => State::Wrong(error.to_string(), "check DATABASE_DIRECT_URL"),
    };
    Some(Finding::new(DIRECT, without_password(url.expose()), state))
}

fn limits(limits: &RoleLimits) -> State {
    let (statement, lock) = (&limits.statement, &limits.lock);
    let idle = &limits.idle_in_transaction;
    let found = format!("statements {statement}, locks {lock}, idle transactions {idle}");
    if [statement, lock, idle]
        .into_iter()
        .any(|limit| limit == "0")
    {
        State::Note(
            format!("no limit (0) of its time: {found}"),
            "run `migrate` as this role, or set them: docs/operations/database.md",
        )
    } else {
        State::ok(format!("ok, it is given at most: {found}"))
    }
}

/// The answer was made between two looks at our own clock.
fn middle(before: Timestamp, after: Timestamp) -> Timestamp {
    before.plus(after.since(before) / 2)
}

fn schema_state(schema: SchemaState, pooling: Pooling) -> State {
    match (schema, pooling) {
        (SchemaState::Behind, _) => State::Wrong(
            "its schema is older than this program".to_owned(),
            "run `sluicegate-origin migrate`",
        ),
        (SchemaState::Ahead, _) => State::Note(
            "ok; its schema is newer than this program".to_owned(),
            "finish the update: start the newer program everywhere",
        ),
        (SchemaState::Current, Pooling::Transaction) => {
            State::ok("ok, behind a pooler in transaction mode")
        }
        (SchemaState::Current, _) => State::ok("ok"),
    }
}

fn clock(skew: Duration) -> State {
    let found = format!("{} ms apart from this machine's", skew.as_millis());
    if skew > SKEW_WRONG {
        State::Wrong(
            found,
            "set both clocks by NTP: workers take each other's jobs",
        )
    } else if skew > SKEW_NOTED {
        State::Note(found, "set both clocks by NTP")
    } else {
        State::ok(format!("ok, {found}"))
    }
}

fn jobs(stats: &QueueStats, now: Timestamp) -> State {
    let age = stats
        .oldest_ready
        .map(|since| now.since(since))
        .unwrap_or_default();
    let found = format!(
        "{} ready, {} running, {} dead; the oldest waits for {} s",
        stats.ready,
        stats.running,
        stats.dead,
        age.as_secs()
    );
    if let Some(since) = stats.paused_since {
        return State::Note(
            format!("paused since {since}; {found}"),
            "`jobs resume` has it go on: docs/operations/workers.md",
        );
    }
    if age > AGE_WRONG {
        State::Wrong(found, "start (more) workers: docs/operations/workers.md")
    } else if age > AGE_NOTED {
        State::Note(
            found,
            "start more workers if that stays: docs/operations/workers.md",
        )
    } else if stats.dead > 0 {
        State::Note(
            found,
            "see why with `jobs list`, then `jobs retry`: docs/operations/workers.md",
        )
    } else {
        State::ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1_000).expect("in range")
    }

    #[test]
    fn jobs_that_wait_or_died_are_told() {
        let now = at(10_000);
        let waits = |since, dead| {
            let stats = QueueStats {
                ready: 1,
                dead,
                oldest_ready: Some(at(since)),
                ..QueueStats::default()
            };
            jobs(&stats, now)
        };
        assert!(matches!(waits(9_990, 0), State::Ok(_)));
        assert!(matches!(waits(9_990, 3), State::Note(found, _) if found.contains("3 dead")));
        assert!(matches!(waits(9_900, 0), State::Note(found, _) if found.contains("100 s")));
        assert!(matches!(waits(9_000, 0), State::Wrong(..)));
        assert!(matches!(jobs(&QueueStats::default(), now), State::Ok(_)));
        let paused = QueueStats {
            paused_since: Some(at(9)),
            oldest_ready: Some(at(10)),
            ..QueueStats::default()
        };
        assert!(matches!(jobs(&paused, now), State::Note(found, _) if found.contains("paused")));
    }

    #[test]
    fn clocks_that_are_apart_are_told() {
        assert!(matches!(clock(apart(at(1), at(2))), State::Ok(_)));
        assert!(matches!(clock(apart(at(5), at(2))), State::Note(..)));
        assert!(matches!(clock(apart(at(2), at(122))), State::Wrong(..)));
        assert_eq!(middle(at(1), at(3)), at(2));
    }
}
