//! The program behind `PgBouncer`: what it refuses, and that workers find their jobs without being woken.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{PgBouncer, ask_database};
use sluicegate_conformance::testdb::TestDatabase;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::doctor::{check, checks};
use crate::embedded::data_folder;
use crate::origin::{Origin, client, post, read};

const PATIENCE: Duration = Duration::from_mins(2);
/// How long a job may take that somebody must look for: a second, and what a busy machine adds.
const POLLED: Duration = Duration::from_secs(10);

pub async fn program(data: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate-origin"));
    command
        .args(arguments)
        .env("SLUICEGATE_DATA", data)
        .env("SLUICEGATE_LISTEN", "127.0.0.1:0")
        .envs(settings.iter().copied())
        .kill_on_drop(true);
    let ended = timeout(PATIENCE, command.output()).await;
    ended.expect("ends in time").expect("runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_goes_past_the_pooler_or_not_at_all() {
    let name = "a_migration_goes_past_the_pooler_or_not_at_all";
    let database = TestDatabase::empty().await;
    let Some(mut pooler) = PgBouncer::before(database.url(), 200, name).await else {
        return;
    };
    let ran = RanOn::begins(pooler.version(), "migrations");
    let data = data_folder();
    let (through, direct) = (pooler.url(), database.url());
    let url = ("DATABASE_URL", through.as_str());
    for arguments in [&["migrate"][..], &["serve", "--migrate"][..]] {
        let refused = program(data.path(), arguments, &[url]).await;
        let said = errors(&refused);
        assert!(!refused.status.success(), "{said}");
        assert!(said.contains("set DATABASE_DIRECT_URL"), "{said}");
    }
    // A second way that is none.
    let again = [url, ("DATABASE_DIRECT_URL", through.as_str())];
    let refused = program(data.path(), &["migrate"], &again).await;
    assert!(!refused.status.success());
    let both = [url, ("DATABASE_DIRECT_URL", direct)];
    let migrated = program(data.path(), &["migrate"], &both).await;
    assert!(migrated.status.success(), "{}", errors(&migrated));
    // And with it the role's time-outs, for all whom the pooler connects from then on.
    pooler.kill().await;
    pooler.start().await;
    let (found, _) = checks(data.path(), &both);
    assert_eq!(check(&found, "database's role")["state"], "ok", "{found:?}");
    let past = check(&found, "database, past the pooler");
    assert_eq!(past["state"], "ok", "{past}");
    let (found, _) = checks(data.path(), &[url]);
    assert_eq!(check(&found, "database, past the pooler")["state"], "note");
    ran.passed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_mixes_statements_is_refused() {
    let name = "a_pooler_that_mixes_statements_is_refused";
    let database = TestDatabase::new().await;
    let Some(pooler) = PgBouncer::before(database.url(), 0, name).await else {
        return;
    };
    let ran = RanOn::begins(
        pooler.version(),
        "without max_prepared_statements it is refused",
    );
    let data = data_folder();
    let through = pooler.url();
    let direct = database.url();
    let by_reads = [("DATABASE_URL", direct), ("DATABASE_READ_URL", &*through)];
    let by_all = [("DATABASE_URL", &*through), ("DATABASE_DIRECT_URL", direct)];
    let tried = [
        (["serve"], &by_all),
        (["work"], &by_all),
        (["serve"], &by_reads),
    ];
    for (arguments, settings) in tried {
        let refused = program(data.path(), &arguments, settings).await;
        let said = errors(&refused);
        assert!(!refused.status.success(), "{arguments:?}: {said}");
        assert!(said.contains("mixes up prepared statements"), "{said}");
    }
    let (found, is_well) = checks(data.path(), &by_all);
    assert!(!is_well);
    let database = check(&found, "database");
    assert_eq!(database["state"], "wrong", "{database}");
    ran.passed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_poll_where_they_cannot_listen() {
    let name = "workers_poll_where_they_cannot_listen";
    let database = TestDatabase::new().await;
    let Some(pooler) = PgBouncer::before(database.url(), 200, name).await else {
        return;
    };
    let ran = RanOn::begins(pooler.version(), "workers without DATABASE_DIRECT_URL");
    let data = data_folder();
    let client = client();
    let through = pooler.url();
    let settings = [
        ("DATABASE_URL", through.as_str()),
        ("METRICS_LISTEN", "off"),
        ("MODERATION_CONTENT_ASYNC", "true"),
    ];
    let takes = Origin::without_workers(data.path(), &settings).await;
    let log = data.path().join("works.log");
    let mut works = Command::new(env!("CARGO_BIN_EXE_sluicegate-origin"))
        .arg("work")
        .env("SLUICEGATE_DATA", data.path())
        .envs(settings)
        .stderr(std::fs::File::create(&log).expect("creates"))
        .kill_on_drop(true)
        .spawn()
        .expect("runs");
    let deadline = Instant::now() + PATIENCE;
    let said = || std::fs::read_to_string(&log).expect("reads");
    while !said().contains("by polling") {
        assert!(Instant::now() < deadline, "{}", said());
        sleep(Duration::from_millis(50)).await;
    }
    let url = |path: &str| format!("{}{path}", takes.url);
    let ada = json!({"handle": "ada", "password": "correct horse"});
    let session = post(&client, url("/v1/accounts"), ada, "").await;
    let token = session["access_token"].as_str().expect("has a token");
    let text = json!({"body": "The water stands at seven."});
    let written: Value = post(&client, url("/v1/posts"), text, token).await;
    let path = format!("/v1/posts/{}", written["id"].as_str().expect("has an id"));
    let deadline = Instant::now() + POLLED;
    while read(&client, url(&path), token).await["moderation"] != "passed" {
        assert!(Instant::now() < deadline, "nobody looks at it");
        sleep(Duration::from_millis(50)).await;
    }
    // Through the pooler others' connections would be told, and ours would not.
    let listen = "select count(*) from pg_stat_activity
        where datname = current_database() and query ilike 'listen %'";
    assert_eq!(ask_database(database.url(), listen).await, 0);
    works.kill().await.expect("ends");
    takes.stop().await;
    ran.passed();
}
