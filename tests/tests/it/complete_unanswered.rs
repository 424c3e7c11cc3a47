//! What becomes of a file that is stored, where its upload was committed and nobody was told, or could not be completed yet.

use std::time::Duration;

use reqwest::Method;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::{Moderation, Upload};
use sluicegate_tests::answers::Answers;
use sluicegate_tests::client::Client;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::metrics::Metrics;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::{wait_for, within};

const LIMIT: Duration = Duration::from_mins(1);
const QUEUE: (&str, &str) = ("queue", "image-moderation");

#[tokio::test]
async fn an_upload_that_was_committed_before_its_origin_died_is_there_once() {
    let detector = Detector::start().await.unwrap();
    let options = Options {
        no_workers: true,
        ..Options::default()
            .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
            .setting("MODERATION_IMAGE_ASYNC", "true")
    };
    let mut platform = Platform::start(options).await.unwrap();
    let line = Answers::start(&platform.origin_url).await.unwrap();
    let (edge, edge_url) = platform.start_another_edge(&line.url).await.unwrap();
    let client = platform.client().unwrap().sign_up("committed").await;
    let client = client.unwrap().0.at(&edge_url);

    let mut committed = line.cut("/complete HTTP/1.1", 0);
    let sending = tokio::spawn({
        let (client, photo) = (client.clone(), fixtures::read("photo.jpg").unwrap());
        async move { client.upload("avatar", photo).await.unwrap() }
    });
    // The origin has answered, so it has committed; the answer goes no further.
    let answered = within("the answer", LIMIT, committed.recv()).await.unwrap();
    answered.expect("the origin answered");
    platform.kill_origin().unwrap();
    drop(committed);
    let lost = sending.await.unwrap();
    let problem = lost.expect_problem(502, "bad-gateway").unwrap();
    let id = problem.members["upload_id"].as_str().expect("its upload");
    let id: UploadId = id.parse().unwrap();

    platform.restart_origin().await.unwrap();
    let first = complete(&client, id).await;
    assert_eq!(complete(&client, id).await.url, first.url);
    assert_eq!(first.url, format!("/media/{id}.webp"));
    let origin = platform.origin.as_ref().unwrap();
    let ready = [QUEUE, ("state", "ready")];
    wait_for("the job to be counted", LIMIT, async || {
        let metrics = Metrics::of(origin).await?;
        Ok((metrics.sum("sluicegate_jobs", &ready) >= 1.0).then_some(()))
    })
    .await
    .unwrap();
    let metrics = Metrics::of(origin).await.unwrap();
    assert!(
        (metrics.sum("sluicegate_jobs", &[QUEUE]) - 1.0).abs() < 0.1,
        "one job, however often it was completed"
    );

    let worker = platform.start_worker().await.unwrap();
    let judged = client.wait_for_verdict(id).await.unwrap();
    assert_eq!(judged.moderation, Moderation::Passed);
    assert_eq!(detector.judged(), 1);
    wait_for("the job to be done", LIMIT, async || {
        let metrics = Metrics::of(origin).await?;
        Ok((metrics.sum("sluicegate_jobs", &[QUEUE]) < 0.1).then_some(()))
    })
    .await
    .unwrap();
    for (name, labels) in [
        ("sluicegate_job_attempt_duration_seconds_count", QUEUE),
        ("sluicegate_verdicts_total", ("stage", "image")),
    ] {
        // Counted a moment after it is committed.
        let count = wait_for(format!("{name} to be counted"), LIMIT, async || {
            let count = Metrics::of(&worker).await?.sum(name, &[labels]);
            Ok((count > 0.1).then_some(count))
        });
        let count = count.await.unwrap();
        assert!((count - 1.0).abs() < 0.1, "{name}: {count}");
    }
    client
        .get(&judged.url)
        .await
        .unwrap()
        .expect_status(200)
        .unwrap();
    worker.stop(STOP_LIMIT).await.unwrap();
    edge.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}

#[tokio::test]
async fn an_upload_that_was_to_be_completed_too_fast_is_completed_later() {
    let options = Options::default().setting("RATE_ACCOUNT_UPLOADS", "1");
    let platform = Platform::start(options).await.unwrap();
    let client = platform.sign_up("hasty").await.unwrap();
    let photo = fixtures::read("photo.jpg").unwrap();
    let sent = client.upload("avatar", photo).await.unwrap();
    let problem = sent.expect_problem(429, "too-many-requests").unwrap();
    assert_eq!(problem.members["quota"], "uploads-by-account");
    let id = problem.members["upload_id"].as_str().expect("its upload");
    let id: UploadId = id.parse().unwrap();

    // Another one lets more through at once, also where all count together.
    let other = platform.start_another_origin_with("RATE_ACCOUNT_UPLOADS", "6000");
    let (other, other_url) = other.await.unwrap();
    let path = format!("/v1/uploads/{id}/complete");
    let answer = client.at(&other_url).call(Method::POST, &path).await;
    let upload: Upload = answer.unwrap().expect(201).unwrap();
    assert_eq!(upload.id, id);
    other.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}

/// Says once more that it is stored: the same upload, and no new one.
async fn complete(client: &Client, id: UploadId) -> Upload {
    let path = format!("/v1/uploads/{id}/complete");
    let answer = client.call(Method::POST, &path).await.unwrap();
    let upload: Upload = answer.expect(200).unwrap();
    assert_eq!(upload.id, id);
    upload
}
