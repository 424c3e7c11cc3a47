//! The program with replicas: they answer what everybody may read, and it says so.

use std::time::Duration;

use reqwest::Client;
use serde_json::json;
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::PostgresServer;
use sluicegate_postgres::maintenance::create_database;
use sluicegate_postgres::migrate;
use tokio::time::{Instant, sleep};

use crate::doctor::checks;
use crate::origin::{client, post};
use crate::seeing::program::{Program, data_folder};

const NAME: &str = "sluicegate";
const PATIENCE: Duration = Duration::from_mins(2);
const READS: usize = 10;

/// As somebody without a token; 404 while a replica does not have it.
async fn status(client: &Client, url: &str) -> u16 {
    let answer = client.get(url).timeout(PATIENCE).send().await;
    answer.expect("answers").status().as_u16()
}

/// What `doctor` says of each replica, sorted.
fn told(data: &std::path::Path, settings: &[(&str, &str)]) -> Vec<String> {
    let (found, _) = checks(data, settings);
    let replicas = found
        .iter()
        .filter(|check| check["check"] == "database replica");
    let mut states: Vec<String> = replicas
        .map(|check| check["state"].as_str().expect("is text").to_owned())
        .collect();
    states.sort();
    states
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_answer_what_everybody_may_read() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (primary, [mut first, second]) = PostgresServer::with_replicas().await;
    create_database(&primary.url("postgres"), NAME, None)
        .await
        .expect("a database");
    let url = primary.url(NAME);
    migrate(&url).await.expect("migrates");
    let server = format!("{} with two replicas", primary.version());
    let ran = RanOn::begins(&server, "the program reads by them");
    let data = data_folder();
    let read = format!("{}, {}", first.url(NAME), second.url(NAME));
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_READ_URL", read.as_str()),
        ("RUST_LOG", "warn"),
    ];
    let program = Program::start(data.path(), &settings).await;
    let in_use = |count| {
        program.metrics_when(move |seen| {
            seen.value("sluicegate_database_replicas_in_use", &[]) == Some(count)
        })
    };
    in_use(2.0).await;
    let client = client();
    let ada = json!({"handle": "ada", "password": "correct horse"});
    let session = post(&client, format!("{}/v1/accounts", program.url), ada, "").await;
    let token = session["access_token"].as_str().expect("has a token");
    let text = json!({"body": "The water stands at seven."});
    let written = post(&client, format!("{}/v1/posts", program.url), text, token).await;
    let path = format!("/v1/posts/{}", written["id"].as_str().expect("has an id"));
    let shown = format!("{}{path}", program.url);
    let deadline = Instant::now() + PATIENCE;
    let mut in_turn = 0;
    while in_turn < READS {
        in_turn = if status(&client, &shown).await == 200 {
            in_turn + 1
        } else {
            0
        };
        assert!(Instant::now() < deadline, "not shown");
        sleep(Duration::from_millis(10)).await;
    }
    let by_replica = |seen: &crate::seeing::Exposition| {
        let by = [("by", "replica")];
        seen.value("sluicegate_database_public_reads_total", &by)
            .unwrap_or_default()
    };
    let seen = program.metrics_when(|seen| by_replica(seen) > 0.0).await;
    let before = by_replica(&seen);
    assert_eq!(told(data.path(), &settings), ["ok", "ok"]);

    first.kill().await;
    in_use(1.0).await;
    for _ in 0..READS {
        assert_eq!(status(&client, &shown).await, 200);
    }
    program.metrics_when(|seen| by_replica(seen) > before).await;
    assert_eq!(told(data.path(), &settings), ["note", "ok"]);
    program.stop().await;
    ran.passed();
}
