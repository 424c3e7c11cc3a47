//! The drill: what `docs/operations/backup` takes while pictures come in, `restore` brings into another database and
//! another store, and `doctor --deep` says whether the two agree. What was not judged when it was taken is judged there.

mod places;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{RedisServer, ask_database};
use sluicegate_contract::ids::{PostId, UploadId};
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::Moderation;
use sluicegate_tests::client::Client;
use sluicegate_tests::edge::{EdgePlace, start_edge};
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{EDGE_KEY, Options, Platform, STOP_LIMIT, data_directory};
use sluicegate_tests::process::{Program, program};
use sluicegate_tests::wait::wait_for;

use crate::shared::{self, wait_for_verdicts};
use places::{Store, environment, start_elsewhere};

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

/// The same keys as that program calls them.
fn with_aws_keys(environment: &Environment) -> Environment {
    let mut environment = environment.clone();
    for name in ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"] {
        let key = environment[&format!("S3_{name}")].clone();
        environment.insert(format!("AWS_{name}"), key);
    }
    environment.insert("AWS_DEFAULT_REGION".to_owned(), "us-east-1".to_owned());
    environment
}

/// A picture as anybody gets it.
async fn picture(client: &Client, id: UploadId) -> Vec<u8> {
    let answer = client
        .with_token(None)
        .get(&format!("/media/{id}.webp"))
        .await;
    let answer = answer.unwrap();
    answer.expect_status(200).unwrap();
    answer.body
}

/// Origin, worker and edge on what was restored: what they serve is what was there, and a post that was not judged by then is
/// judged.
async fn serves(data: &Path, settings: &Environment, store_url: &str, known: &There) -> Vec<u8> {
    let mut settings: Vec<_> = settings.clone().into_iter().collect();
    settings.push(("SLUICEGATE_LISTEN".to_owned(), "127.0.0.1:0".to_owned()));
    settings.push(("EDGE_KEY".to_owned(), EDGE_KEY.to_owned()));
    let program = program("sluicegate-origin").unwrap();
    let mut origin = Program::start(&program, &["serve", "--no-workers"], &settings).unwrap();
    let origin_url = origin.wait_for_line("listening on ", LIMIT).await.unwrap();
    let place = EdgePlace {
        origin_url: &origin_url,
        store_url,
        listen: "127.0.0.1:0",
    };
    let (edge, url) = start_edge(data, &Options::default(), &place).await.unwrap();
    let client = Client::new(&url).unwrap();
    let picture = picture(&client, known.picture).await;
    let path = format!("/v1/posts/{}", known.post);
    let restored: Post = client.get(&path).await.unwrap().expect(200).unwrap();
    assert_eq!(restored.moderation, Moderation::Unreviewed);
    let mut worker = Program::start(&program, &["work"], &settings).unwrap();
    worker.wait_for_line("working on", LIMIT).await.unwrap();
    wait_for_verdicts(&client, &[known.post]).await;
    worker.stop(STOP_LIMIT).await.unwrap();
    edge.stop(STOP_LIMIT).await.unwrap();
    origin.stop(STOP_LIMIT).await.unwrap();
    picture
}

/// What there is before the backup: a picture as anybody sees it, and a post whose job Redis has.
struct There {
    picture: UploadId,
    bytes: Vec<u8>,
    post: PostId,
}

impl There {
    async fn is_made(platform: &Platform, client: &Client) -> Self {
        let worker = platform.start_worker().await.unwrap();
        let pictures = ready_pictures(client).await;
        worker.stop(STOP_LIMIT).await.unwrap();
        // The bucket is marked as this database's.
        platform.command(&["sweep"]).await.unwrap();
        let post = client.post("said before the backup", None).await.unwrap();
        let post: Post = post.expect(201).unwrap();
        let database = platform.database_url().unwrap();
        wait_for("Redis to have its job", LIMIT, async || {
            let sql =
                "select count(*) from jobs where queue = 'post-processing' and state = 'relayed'";
            Ok((ask_database(&database, sql).await == 1).then_some(()))
        })
        .await
        .unwrap();
        Self {
            picture: pictures[0],
            bytes: picture(client, pictures[0]).await,
            post: post.id,
        }
    }
}

/// Twice into one folder, of which the second is refused.
async fn back_up_under_load(client: &Client, here: &Environment, copy: &str) {
    let (tell, ended) = tokio::sync::watch::channel(false);
    let backup = async {
        let backup = run(script("backup"), &[copy], here).await;
        tell.send_replace(true);
        backup
    };
    let (backup, sent) = tokio::join!(backup, keep_uploading(client, &ended));
    assert_well(&backup);
    assert!(sent > 0, "nothing was uploaded meanwhile");
    let again = run(script("backup"), &[copy], here).await;
    assert!(!again.status.success(), "no backup is written over");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_backed_up_while_it_runs_is_restored_elsewhere_whole() {
    let name = "what_is_backed_up_while_it_runs_is_restored_elsewhere_whole";
    let Some(aws) = aws() else {
        shared::skip(name, "no `aws` on the path, and SLUICEGATE_AWS names none");
        return;
    };
    let Some(redis) = RedisServer::start(&[], name).await else {
        return;
    };
    let Some(store) = Store::start(name).await else {
        return;
    };
    let other_store = Store::start(name).await.unwrap();
    let ran = RanOn::begins(
        &store.0.version(),
        "a backup under load, restored elsewhere",
    );
    let mut options = Options {
        settings: store.settings().collect(),
        no_workers: true,
        ..Options::default()
    };
    let on_redis = [
        ("REDIS_URL".to_owned(), redis.url()),
        ("MODERATION_CONTENT_ASYNC".to_owned(), "true".to_owned()),
    ];
    options.settings.extend(on_redis.clone());
    let variable = ("store_url".to_owned(), store.0.endpoint());
    options.edge_variables.push(variable);
    let platform = Platform::start(options).await.unwrap();
    let client = platform.sign_up("drill").await.unwrap();
    let known = There::is_made(&platform, &client).await;
    let (database, services) = (platform.database_url(), platform.store_settings());
    let (database, services) = (database.unwrap(), services.unwrap());
    let here = environment(database, services, &store, platform.data(), &aws);
    let folder = data_directory().unwrap();
    let copy = folder.path().join("copy");
    let copy_name = copy.to_str().unwrap();

    back_up_under_load(&client, &here, copy_name).await;
    // What is done after it is done anew.
    let worker = platform.start_worker().await.unwrap();
    wait_for_verdicts(&client, &[known.post]).await;
    worker.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
    assert_eq!(redis.completed("post-processing"), 1);
    assert_eq!(redis.ask(&["FLUSHALL"]), "OK");

    let elsewhere = data_directory().unwrap();
    let place = elsewhere.path();
    let (services, restored, there) = start_elsewhere(place, &other_store, &aws, on_redis).await;
    let origin = program("sluicegate-origin").unwrap();
    assert_well(&run(origin.clone(), &["bucket", "init"], &restored).await);
    assert_well(&run(script("restore"), &[copy_name], &there).await);
    let again = run(script("restore"), &[copy_name], &there).await;
    assert!(
        !again.status.success(),
        "nothing is restored over a database"
    );

    let report = run(origin.clone(), &["doctor", "--deep"], &restored).await;
    assert_well(&report);
    assert!(count(&report, "uploads") >= 3);
    assert!(said(&report).contains("this database's own"));
    let endpoint = &there["S3_ENDPOINT"];
    let after = serves(place, &restored, endpoint, &known).await;
    assert!(after == known.bytes, "the picture is what it was");
    // The audit would see it if one were not there.
    let lost = format!("s3://sluicegate/media/{}.webp", known.picture);
    let remove = ["--endpoint-url", endpoint, "s3", "rm", &lost];
    assert_well(&run(aws.join("aws"), &remove, &with_aws_keys(&there)).await);
    let report = run(origin, &["doctor", "--deep"], &restored).await;
    assert!(!report.status.success(), "{}", said(&report));
    assert_eq!(count(&report, "missing"), 1, "{}", said(&report));
    assert!(said(&report).contains(&known.picture.to_string()));
    services.stop_by_input(STOP_LIMIT).await.unwrap();
    ran.passed();
    for Store(server) in [store, other_store] {
        server.stop().await;
    }
}
