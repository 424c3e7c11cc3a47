//! A database that is down for a while under load: who asks meanwhile is told to come back, and nothing that was
//! acknowledged is lost or judged twice.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::{Moderation, Upload};
use sluicegate_tests::client::{Answer, Client};
use sluicegate_tests::database::Database;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{EDGE_KEY, Options, Platform};
use sluicegate_tests::process::{Program, program};
use sluicegate_tests::wait::wait_for;
use tokio_util::sync::CancellationToken;

use crate::shared::measured;

const CLIENTS: u64 = 4;
const NORMAL_AGAIN: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_mins(2);
/// Jobs that failed meanwhile wait for longer each time.
const SETTLE_LIMIT: Duration = Duration::from_mins(3);

/// What one client was told so far.
#[derive(Default)]
struct Told {
    done: AtomicU64,
    refused: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

/// Everything that was acknowledged to one client.
struct Ledger {
    client: Client,
    uploads: Vec<UploadId>,
    posts: Vec<String>,
}

/// Uploads and posts until it is told to stop. Each answer must be 201, or 503 with a time to come back.
async fn work(client: Client, number: u64, told: Arc<Told>, stop: CancellationToken) -> Ledger {
    let mut ledger = Ledger {
        client,
        uploads: Vec::new(),
        posts: Vec::new(),
    };
    let mut turn = number;
    while !stop.is_cancelled() {
        turn += CLIENTS;
        let picture = fixtures::noise(turn, false).unwrap();
        let answer = ledger.client.upload("post_header", picture).await.unwrap();
        if is_done(&answer, &told) {
            ledger.uploads.push(answer.json::<Upload>().unwrap().id);
        }
        let text = format!("The water of {number} stands at {turn} today.");
        let answer = ledger.client.post(&text, None).await.unwrap();
        if is_done(&answer, &told) {
            let post: Post = answer.json().unwrap();
            ledger.posts.push(format!("/v1/posts/{}", post.id));
        }
    }
    ledger
}

fn is_done(answer: &Answer, told: &Told) -> bool {
    if answer.status == 201 {
        told.done.fetch_add(1, Ordering::Relaxed);
        return true;
    }
    let refused = answer.expect_problem(503, "unavailable");
    let seconds = answer.header("retry-after").parse::<u64>();
    if refused.is_err() || !seconds.is_ok_and(|seconds| seconds > 0) {
        let (status, text) = (answer.status, answer.text());
        told.wrong.lock().unwrap().push(format!("{status}: {text}"));
    }
    told.refused.fetch_add(1, Ordering::Relaxed);
    false
}

/// Waits until each client has been told that often more than it was.
async fn each(what: &str, told: &[Arc<Told>], count: impl Fn(&Told) -> &AtomicU64) {
    let numbers = || told.iter().map(|told| count(told).load(Ordering::Relaxed));
    let before: Vec<_> = numbers().collect();
    wait_for(format!("each client to be {what}"), LIMIT, async || {
        let more = numbers().zip(&before).all(|(now, before)| now > before + 1);
        Ok(more.then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_restart_of_the_database() {
    let mut database = Database::start().await.unwrap();
    let detector = Detector::start().await.unwrap();
    // Its store goes on while the database is down.
    let settings = [
        ("DATABASE_URL", database.url().unwrap()),
        ("MODERATION_IMAGE_SERVICE_URL", detector.url.clone()),
        ("MODERATION_IMAGE_ASYNC", "true".to_owned()),
        ("MODERATION_CONTENT_ASYNC", "true".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let options = Options {
        settings: settings.to_vec(),
        ..Options::default()
    };
    let platform = Platform::start(options).await.unwrap();
    let stop = CancellationToken::new();
    let (mut told, mut working) = (Vec::new(), Vec::new());
    for number in 0..CLIENTS {
        let client = platform.sign_up(&format!("busy_{number}")).await.unwrap();
        told.push(Arc::new(Told::default()));
        let (told, stop) = (Arc::clone(told.last().unwrap()), stop.clone());
        working.push(tokio::spawn(work(client, number, told, stop)));
    }
    each("answered before", &told, |told| &told.done).await;

    let before = database.postmaster().unwrap().1;
    database.stop().await.unwrap();
    each("refused meanwhile", &told, |told| &told.refused).await;
    database.start_again().await.unwrap();
    assert_ne!(
        database.postmaster().unwrap().1,
        before,
        "it is another one"
    );
    let since = Instant::now();
    each("answered again", &told, |told| &told.done).await;
    let back = since.elapsed();
    stop.cancel();
    for told in &told {
        let wrong = told.wrong.lock().unwrap();
        assert!(
            wrong.is_empty(),
            "{wrong:?}\n{}",
            platform.output().join("\n")
        );
    }

    let mut uploads = 0;
    for task in working {
        let ledger = task.await.unwrap();
        uploads += ledger.uploads.len();
        all_is_there(&ledger).await;
    }
    let judged = usize::try_from(detector.judged()).unwrap();
    assert!(judged >= uploads, "{judged} of {uploads}");
    audit(&platform, &settings).await;
    measured(&format!(
        "the database stopped under load and started again: each of {CLIENTS} clients had uploads and posts taken {:.1} s after it",
        back.as_secs_f64()
    ));
    assert!(back < NORMAL_AGAIN, "{back:?}");
    platform.stop().await.unwrap();
    database.end().await.unwrap();
}

async fn all_is_there(ledger: &Ledger) {
    let client = &ledger.client;
    for id in &ledger.uploads {
        let what = format!("a verdict on upload {id}");
        let upload = wait_for(what, SETTLE_LIMIT, async || {
            let upload = client.upload_state(*id).await?;
            Ok((upload.moderation != Moderation::Unreviewed).then_some(upload))
        });
        let upload = upload.await.unwrap();
        assert_eq!(upload.moderation, Moderation::Passed);
        let shown = client.get(&upload.url).await.unwrap();
        shown.expect_status(200).unwrap();
    }
    for path in &ledger.posts {
        wait_for(format!("a verdict on {path}"), SETTLE_LIMIT, async || {
            let post: Post = client.get(path).await?.expect(200)?;
            Ok((post.moderation == Moderation::Passed).then_some(()))
        })
        .await
        .unwrap();
    }
}

/// Rows and objects agree, and nothing was judged twice.
async fn audit(platform: &Platform, settings: &[(String, String)]) {
    let data = platform.data().to_str().unwrap().to_owned();
    let own = [("SLUICEGATE_DATA", data), ("EDGE_KEY", EDGE_KEY.to_owned())];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    let settings = [settings, &own].concat();
    let path = program("sluicegate-origin").unwrap();
    let doctor = Program::start(&path, &["doctor", "--deep"], &settings).unwrap();
    let said = doctor.finish(LIMIT).await.unwrap();
    for what in ["missing", "judged twice", "judged without record"] {
        let row = said.iter().find_map(|line| line.strip_prefix(what));
        let count = row.and_then(|row| row.split_whitespace().next());
        assert_eq!(count, Some("0"), "{what}:\n{}", said.join("\n"));
    }
}
