//! The drill: what `docs/operations/backup` takes while pictures come in, `restore` brings into another database and
//! another store, and `doctor --deep` says whether the two agree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use sluicegate_contract::ids::UploadId;
use sluicegate_tests::client::Client;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT, data_directory};
use sluicegate_tests::process::{Program, program};

use crate::shared;

/// For a database to be made on a machine that is busy.
const LIMIT: Duration = Duration::from_mins(3);
/// So few that they end while the backup still may take a newer dump, however slow the machine.
const UPLOADS_AT_MOST: u64 = 40;

type Environment = BTreeMap<String, String>;

/// The folder of the AWS command line.
fn aws() -> Option<PathBuf> {
    let named = std::env::var_os("SLUICEGATE_AWS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join("aws"));
    let file = named.or_else(|| places.find(|file| file.is_file()))?;
    Some(file.parent()?.to_owned())
}

/// What the scripts are told of the services in a data directory.
fn environment(data: &Path, aws: &Path) -> Environment {
    let services = std::fs::read_to_string(data.join("services.json")).unwrap();
    let services: serde_json::Value = serde_json::from_str(&services).unwrap();
    let text = |member: &str| services[member].as_str().unwrap().to_owned();
    let postgres = std::env::var("SLUICEGATE_POSTGRES_BIN").unwrap_or_default();
    let path = std::env::var("PATH").unwrap_or_default();
    [
        ("PATH", format!("{}:{postgres}:{path}", aws.display())),
        ("HOME", data.to_string_lossy().into_owned()),
        ("DATABASE_URL", text("database_url")),
        ("S3_ENDPOINT", text("s3_endpoint")),
        ("S3_ACCESS_KEY_ID", text("s3_access_key_id")),
        ("S3_SECRET_ACCESS_KEY", text("s3_secret_access_key")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

async fn run(program: PathBuf, arguments: &[&str], environment: &Environment) -> Output {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).env_clear().envs(environment);
    tokio::time::timeout(LIMIT, command.kill_on_drop(true).output())
        .await
        .expect("ends in time")
        .expect("runs")
}

fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations");
    folder.join(name)
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

fn assert_well(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

/// A row of what `doctor --deep` prints.
fn count(report: &Output, what: &str) -> u64 {
    let text = said(report);
    let row = text.lines().find_map(|line| line.strip_prefix(what));
    let row = row.unwrap_or_else(|| panic!("no {what} in {text}"));
    row.split_whitespace().next().unwrap().parse().unwrap()
}

/// Uploads one picture after the other until the backup has ended.
async fn keep_uploading(client: &Client, ended: &tokio::sync::watch::Receiver<bool>) -> u64 {
    let mut sent = 0;
    while !*ended.borrow() && sent < UPLOADS_AT_MOST {
        let picture = fixtures::noise(100 + sent, false).unwrap();
        client.upload_ok("avatar", picture).await.unwrap();
        sent += 1;
    }
    sent
}

async fn ready_pictures(client: &Client) -> Vec<UploadId> {
    let mut ids = Vec::new();
    for seed in 0..3 {
        let picture = fixtures::noise(seed, false).unwrap();
        let upload = client.upload_ok("avatar", picture).await.unwrap();
        ids.push(client.wait_until_ready(upload.id).await.unwrap().id);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_backed_up_while_it_runs_is_restored_elsewhere_whole() {
    let name = "what_is_backed_up_while_it_runs_is_restored_elsewhere_whole";
    let Some(aws) = aws() else {
        shared::skip(name, "no `aws` on the path, and SLUICEGATE_AWS names none");
        return;
    };
    let platform = Platform::start(Options::default()).await.unwrap();
    let client = platform.sign_up("drill").await.unwrap();
    let pictures = ready_pictures(&client).await;
    let here = environment(platform.data(), &aws);
    let folder = data_directory().unwrap();
    let copy = folder.path().join("copy");
    let copy_name = copy.to_str().unwrap();

    let (tell, ended) = tokio::sync::watch::channel(false);
    let backup = async {
        let backup = run(script("backup"), &[copy_name], &here).await;
        tell.send_replace(true);
        backup
    };
    let (backup, sent) = tokio::join!(backup, keep_uploading(&client, &ended));
    assert_well(&backup);
    assert!(sent > 0, "nothing was uploaded meanwhile");
    let again = run(script("backup"), &[copy_name], &here).await;
    assert!(!again.status.success(), "no backup is written over");

    let elsewhere = data_directory().unwrap();
    let data = elsewhere.path().to_str().unwrap().to_owned();
    let mut services_environment = vec![("SLUICEGATE_DATA".to_owned(), data.clone())];
    let postgres = std::env::var("SLUICEGATE_POSTGRES_BIN").ok();
    services_environment
        .extend(postgres.map(|folder| ("SLUICEGATE_POSTGRES_BIN".to_owned(), folder)));
    let origin = program("sluicegate-origin").unwrap();
    let mut services = Program::start(
        &origin,
        &["services", "--with-parent"],
        &services_environment,
    )
    .unwrap();
    services
        .wait_for_line("services are ready", LIMIT)
        .await
        .unwrap();
    let there = environment(elsewhere.path(), &aws);
    let (server, database) = there["DATABASE_URL"].rsplit_once('/').unwrap();
    let make = format!("create database {database}");
    let admin = format!("{server}/postgres");
    assert_well(&run("psql".into(), &["--command", &make, &admin], &there).await);
    let embedded: Environment = services_environment.into_iter().collect();
    assert_well(&run(origin.clone(), &["bucket", "init"], &embedded).await);
    assert_well(&run(script("restore"), &[copy_name], &there).await);
    let again = run(script("restore"), &[copy_name], &there).await;
    assert!(
        !again.status.success(),
        "nothing is restored over a database"
    );

    let report = run(origin.clone(), &["doctor", "--deep"], &embedded).await;
    assert_eq!(count(&report, "missing"), 0, "{}", said(&report));
    assert!(count(&report, "uploads") >= 3);
    for fault in ["judged twice", "judged without record"] {
        assert_eq!(count(&report, fault), 0, "{}", said(&report));
    }
    assert!(said(&report).contains("this database's own"));
    // The audit would see it if one were not there.
    let lost = format!("objects/sluicegate/media%2F{}.webp", pictures[0]);
    std::fs::remove_file(elsewhere.path().join(lost)).unwrap();
    let report = run(origin, &["doctor", "--deep"], &embedded).await;
    assert_eq!(count(&report, "missing"), 1, "{}", said(&report));
    assert!(said(&report).contains(&pictures[0].to_string()));
    services.stop_by_input(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}
