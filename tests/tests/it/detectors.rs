//! Detectors of ours, which know pictures by their hash: two of which one hangs for a while, and one that is told of a picture.

use std::time::{Duration, Instant};

use sluicegate_contract::uploads::Moderation;
use sluicegate_tests::answers::Answers;
use sluicegate_tests::audit::Audit;
use sluicegate_tests::client::Client;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT, keep};
use sluicegate_tests::process::{Program, program};
use sluicegate_tests::wait::wait_for;

use crate::shared;

const LIMIT: Duration = Duration::from_mins(2);
const SLOWEST: Duration = Duration::from_mins(1);
/// What a machine that others use, too, may add.
const NOISE: Duration = Duration::from_millis(500);
const ROUNDS: u64 = 4;
/// After ten it is tried whether it is well again, by a picture.
const SOME_SECONDS: Duration = Duration::from_secs(3);
/// It is left alone for ten seconds.
const ASKED_AGAIN: Duration = Duration::from_secs(30);
const CLASSIFY: &str = "/classify";
const ANYWHERE: (&str, &str) = ("DETECTOR_LISTEN", "127.0.0.1:0");

async fn start_detector(settings: &[(&str, &str)]) -> (Program, String) {
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let program = program("sluicegate-origin").unwrap();
    let mut detector = Program::start(&program, &["detector"], &settings).unwrap();
    let url = detector.wait_for_line("listening on ", LIMIT).await;
    (detector, url.unwrap())
}

/// Uploads a picture; how long it took until it had passed.
async fn judged(client: &Client, number: u64) -> Duration {
    let picture = fixtures::noise(number, false).unwrap();
    let began = Instant::now();
    let upload = client.upload_ok("avatar", picture).await.unwrap();
    let judged = client.wait_for_verdict(upload.id).await.unwrap();
    assert_eq!(judged.moderation, Moderation::Passed);
    began.elapsed()
}

/// Uploads several pictures, three at once, for some seconds at most; how long they took, sorted.
async fn several(client: &Client, first: u64) -> Vec<Duration> {
    let (began, mut took) = (Instant::now(), Vec::new());
    for round in 0..ROUNDS {
        let first = first + 3 * round;
        let (one, two, three) = tokio::join!(
            judged(client, first),
            judged(client, first + 1),
            judged(client, first + 2)
        );
        took.extend([one, two, three]);
        if began.elapsed() > SOME_SECONDS {
            break;
        }
    }
    took.sort_unstable();
    took
}

fn median(took: &[Duration]) -> Duration {
    took[took.len() / 2]
}

#[tokio::test]
async fn one_that_hangs_is_left_out_and_comes_back() {
    let _turn = shared::in_turn().await;
    let (first, first_url) = start_detector(&[ANYWHERE]).await;
    let (second, second_url) = start_detector(&[ANYWHERE]).await;
    let line = Answers::start(&second_url).await.unwrap();
    let urls = format!("{first_url},{}", line.url);
    let options = Options::default()
        .setting("MODERATION_IMAGE_SERVICE_URL", &urls)
        .setting("MODERATION_IMAGE_ASYNC", "true");
    let mut platform = Platform::start(options).await.unwrap();
    let client = platform.sign_up("sitter").await.unwrap();
    let usual = several(&client, 0).await;
    assert!(line.asked(CLASSIFY) > 0, "both are asked");

    line.hold(CLASSIFY);
    let held = line.asked(CLASSIFY);
    let mut slowest = Duration::ZERO;
    let mut number = 100;
    wait_for("it to be left alone", LIMIT, async || {
        number += 1;
        slowest = slowest.max(judged(&client, number).await);
        let lines = platform.output();
        let is_left_alone = lines.iter().any(|line| line.contains("left alone for"));
        Ok(is_left_alone.then_some(()))
    })
    .await
    .unwrap();
    let hung = line.asked(CLASSIFY) - held;
    assert!(hung >= 2, "it was asked {hung} times, and said nothing");
    let asked = line.asked(CLASSIFY);
    let after = several(&client, 200).await;
    let is_left_alone = line.asked(CLASSIFY) == asked;
    shared::measured(&format!(
        "a detector of two hung: {hung} questions went to the other, the slowest picture had its verdict after {} ms; of \
         {} pictures, three at once, half took {} ms at most before, and {} ms once it was left alone",
        slowest.as_millis(),
        after.len(),
        median(&usual).as_millis(),
        median(&after).as_millis(),
    ));

    // Whoever asked the one that hangs waited for its time-out; who comes later does not.
    assert!(slowest < SLOWEST, "{slowest:?}");
    assert!(is_left_alone, "it was asked meanwhile");
    let limit = 2 * median(&usual) + NOISE;
    assert!(median(&after) <= limit, "{after:?}, {usual:?} before");

    line.release();
    let since = Instant::now();
    let before = line.asked(CLASSIFY);
    number = 300;
    wait_for("it to be asked again", LIMIT, async || {
        number += 1;
        judged(&client, number).await;
        // One is a try, the second says that it went well.
        Ok((line.asked(CLASSIFY) >= before + 2).then_some(()))
    })
    .await
    .unwrap();
    let back = since.elapsed();
    shared::measured(&format!(
        "the detector that had hung was asked again {:.1} s after it answered",
        back.as_secs_f64()
    ));
    assert!(back < ASKED_AGAIN, "{back:?}");
    let audit = Audit::of(&platform).await.unwrap();
    audit.ensure_clean().unwrap();
    platform.origin.as_mut().unwrap().must_run().unwrap();
    platform.stop().await.unwrap();
    for detector in [first, second] {
        detector.stop(STOP_LIMIT).await.unwrap();
    }
}

#[tokio::test]
async fn a_listed_picture_is_removed_and_no_other() {
    let (mut detector, url) = start_detector(&[ANYWHERE]).await;
    let options = Options::default()
        .setting("MODERATION_IMAGE_SERVICE_URL", &url)
        .setting("MODERATION_IMAGE_ASYNC", "true");
    let platform = Platform::start(options).await.unwrap();
    let client = platform.sign_up("lister").await.unwrap();
    judged(&client, 400).await;
    // What it was sent has another hash than the client's file.
    let said = detector.wait_for_line("sha256=\"", LIMIT).await.unwrap();
    let (hash, _) = said.split_once('"').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("unsafe");
    std::fs::write(&list, format!("{hash}  seen before\n")).unwrap();
    detector.stop(STOP_LIMIT).await.unwrap();
    let _kept = keep(&url).unwrap();
    let listen = ("DETECTOR_LISTEN", url.trim_start_matches("http://"));
    let list = ("DETECTOR_UNSAFE_FILES", list.to_str().unwrap());
    let (detector, _) = start_detector(&[listen, list]).await;

    let picture = fixtures::noise(400, false).unwrap();
    let upload = client.upload_ok("avatar", picture).await.unwrap();
    let seen = client.wait_for_verdict(upload.id).await.unwrap();
    assert_eq!(seen.moderation, Moderation::Removed);
    let gone = client.get(&upload.url).await.unwrap();
    gone.expect_problem(404, "not-found").unwrap();
    judged(&client, 402).await;
    platform.stop().await.unwrap();
    detector.stop(STOP_LIMIT).await.unwrap();
}
