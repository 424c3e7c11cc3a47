//! Files that pass the edge's look at their beginning, and turn out to be something else when they are decoded.

use std::time::Duration;

use rustix::process::{Signal, kill_process};
use sluicegate_contract::uploads::{Upload, UploadState};
use sluicegate_tests::audit::Audit;
use sluicegate_tests::client::Client;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::process::children_of;
use sluicegate_tests::wait::wait_for;

use crate::shared;

const KILOBYTE: usize = 1024;

/// Uploads it and waits until the worker is through with it.
async fn end_of(client: &Client, file: Vec<u8>) -> (UploadState, Option<String>, String) {
    let upload = client.upload_ok("post_header", file).await.unwrap();
    let ended = end_of_upload(client, &upload).await;
    (ended.status, ended.reason, ended.url)
}

async fn end_of_upload(client: &Client, upload: &Upload) -> Upload {
    let ends = [
        UploadState::Ready,
        UploadState::Rejected,
        UploadState::Failed,
    ];
    let ended =
        client.wait_for_upload(upload.id, "through", |upload| ends.contains(&upload.status));
    ended.await.unwrap()
}

#[tokio::test]
async fn what_only_decoding_reveals_is_never_served_and_stops_nobody() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "bomb_thrower").await.unwrap();
    let other = shared::somebody(&platform, "bomb_bystander").await.unwrap();
    let photo = fixtures::read("photo.jpg").unwrap();
    let mut page = photo[..photo.len() / 2].to_vec();
    page.extend_from_slice(b"<html><script>alert(1)</script>");
    let thrown = async {
        for (what, file) in [
            (
                "a photo that was cut",
                fixtures::read("truncated.jpg").unwrap(),
            ),
            ("half a photo, then a page", page),
        ] {
            let (status, reason, url) = end_of(&client, file.clone()).await;
            assert_eq!(status, UploadState::Rejected, "{what}");
            assert_eq!(reason.as_deref(), Some("truncated"), "{what}");
            let answer = client.get(&url).await.unwrap();
            assert!(answer.status.is_client_error(), "{what}: {}", answer.status);
            assert!(!answer.body.starts_with(&file[..64]), "{what}");
        }
    };
    let ((status, _, url), ()) = tokio::join!(end_of(&other, photo), thrown);
    assert_eq!(
        status,
        UploadState::Ready,
        "somebody else's photo, meanwhile"
    );
    client.get(&url).await.unwrap().expect_status(200).unwrap();
}

#[tokio::test]
async fn what_inflates_or_tells_too_much_is_served_as_plain_pixels() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "bomb_teller").await.unwrap();
    let traces = [
        &b"-trace"[..],
        b"Exif",
        b"EXIF",
        b"adobe",
        b"ICCP",
        b"acsp",
        b"8BIM",
        b"polyglot-tail",
        b"<html",
    ];
    for name in [
        "bomb-chunks.png",
        "bomb-rows.png",
        "tagged.jpg",
        "polyglot.jpg",
    ] {
        let file = fixtures::read(name).unwrap();
        let (status, reason, url) = end_of(&client, file).await;
        assert_eq!(status, UploadState::Ready, "{name}: {reason:?}");
        let served = client.get(&url).await.unwrap();
        served.expect_status(200).unwrap();
        assert_eq!(served.header("content-type"), "image/webp");
        for trace in traces {
            let holds = served.body.windows(trace.len()).any(|part| part == trace);
            assert!(!holds, "{name}: {}", String::from_utf8_lossy(trace));
        }
    }
}

/// At each kilobyte: `origin/picture/tests/it/bombs.rs`.
#[tokio::test]
async fn what_was_cut_is_refused_here_or_there_and_never_served() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "bomb_cutter").await.unwrap();
    let (mut at_once, mut decoded) = (0, 0);
    for (name, step) in [("photo.jpg", 18), ("photo.png", 18), ("photo.webp", 2)] {
        let photo = fixtures::read(name).unwrap();
        for cut in (KILOBYTE..photo.len()).step_by(step * KILOBYTE) {
            let what = format!("{name}, {cut} bytes");
            let sent = client.upload("post_header", photo[..cut].to_vec()).await;
            let sent = sent.unwrap();
            if sent.status == 422 {
                let problem = sent.expect_problem(422, "picture-refused").unwrap();
                let reason = problem.members["reason"].as_str().unwrap();
                assert!(
                    ["truncated", "broken"].contains(&reason),
                    "{what}: {reason}"
                );
                at_once += 1;
                continue;
            }
            let upload: Upload = sent.expect(201).unwrap();
            let ended = end_of_upload(&client, &upload).await;
            assert_eq!(ended.status, UploadState::Rejected, "{what}");
            let reason = ended.reason.unwrap_or_default();
            assert!(
                ["truncated", "broken"].contains(&reason.as_str()),
                "{what}: {reason}"
            );
            let answer = client.get(&ended.url).await.unwrap();
            answer.expect_problem(404, "not-found").unwrap();
            decoded += 1;
        }
    }
    assert!(decoded > 5, "{decoded} decoded, {at_once} refused at once");
}

#[tokio::test]
async fn a_child_that_dies_costs_its_own_file_alone() {
    let platform = Platform::start(Options {
        no_workers: true,
        ..Options::default()
    })
    .await
    .unwrap();
    let bomber = platform.sign_up("bomb_child").await.unwrap();
    let other = platform.sign_up("bomb_neighbour").await.unwrap();
    let mut worker = platform.start_worker().await.unwrap();
    let pid = worker.pid().unwrap();
    let slow = fixtures::slow_to_decode().unwrap();
    let bomb = bomber.upload_ok("post_header", slow).await.unwrap();
    let what = "a child that decodes";
    let child = wait_for(what, Duration::from_secs(30), async || {
        Ok(children_of(pid).first().copied())
    });
    let child = child.await.unwrap();
    kill_process(child, Signal::STOP).expect("it decodes");

    let photo = fixtures::read("photo.jpg").unwrap();
    let during = other.upload_ok("avatar", photo.clone()).await.unwrap();
    other.wait_until_ready(during.id).await.unwrap();
    let held = bomber.upload_state(bomb.id).await.unwrap();
    assert_eq!(held.status, UploadState::Processing, "in the middle of it");
    // As a decoder ends that finds its memory broken.
    kill_process(child, Signal::ABORT).expect("it still decodes");
    kill_process(child, Signal::CONT).expect("it still decodes");
    let ended = end_of_upload(&bomber, &bomb).await;
    assert_eq!(ended.status, UploadState::Rejected);
    assert_eq!(ended.reason.as_deref(), Some("crashed"));
    let hidden = bomber.get(&ended.url).await.unwrap();
    hidden.expect_problem(404, "not-found").unwrap();

    let after = other.upload_ok("avatar", photo).await.unwrap();
    for upload in [&during, &after] {
        let ready = other.wait_until_ready(upload.id).await.unwrap();
        let shown = other.get(&ready.url).await.unwrap();
        shown.expect_status(200).unwrap();
    }
    worker.must_run().unwrap();
    worker.stop(STOP_LIMIT).await.unwrap();
    Audit::of(&platform).await.unwrap().ensure_clean().unwrap();
    platform.stop().await.unwrap();
}
