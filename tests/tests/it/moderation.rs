//! Verdicts, and their absence.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::{Moderation, UploadState};
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform};
use sluicegate_tests::wait::wait_for;

#[tokio::test]
async fn a_detector_that_is_down_delays_the_verdict_and_is_none() {
    let detector = Detector::start().await.unwrap();
    detector.set_down(true);
    let options = Options::default()
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "true");
    let platform = Platform::start(options).await.unwrap();
    let client = platform
        .client()
        .unwrap()
        .sign_up("waiter")
        .await
        .unwrap()
        .0;

    let upload = client
        .upload_ok("avatar", fixtures::read("photo.jpg").unwrap())
        .await
        .unwrap();
    let ready = client.wait_until_ready(upload.id).await.unwrap();
    detector.fails().await.unwrap();
    assert_eq!(ready.moderation, Moderation::Unreviewed);
    client
        .get(&ready.url)
        .await
        .unwrap()
        .expect_status(200)
        .unwrap();

    detector.set_down(false);
    let judged = client.wait_for_verdict(upload.id).await.unwrap();
    assert_eq!(
        (judged.status, judged.moderation),
        (UploadState::Ready, Moderation::Passed)
    );
    platform.stop().await.unwrap();
}

#[tokio::test]
async fn with_moderation_before_the_answer_the_unsafe_is_refused() {
    let detector = Detector::start().await.unwrap();
    let options = Options::default()
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "false")
        .setting("MODERATION_CONTENT_ASYNC", "false");
    let platform = Platform::start(options).await.unwrap();
    let client = platform
        .client()
        .unwrap()
        .sign_up("strict")
        .await
        .unwrap()
        .0;

    let passed = client
        .upload_ok("avatar", fixtures::read("photo.jpg").unwrap())
        .await
        .unwrap();
    assert_eq!(
        (passed.status, passed.moderation),
        (UploadState::Ready, Moderation::Passed)
    );
    let refused = client
        .upload("avatar", fixtures::read("unsafe.png").unwrap())
        .await
        .unwrap();
    let problem = refused.expect_problem(422, "content-refused").unwrap();
    assert_eq!(problem.members["reason"], "unsafe");

    detector.set_down(true);
    let waiting = client
        .upload("avatar", fixtures::read("photo.jpg").unwrap())
        .await
        .unwrap();
    let problem = waiting.expect_problem(503, "unavailable").unwrap();
    assert!(!waiting.header("retry-after").is_empty());
    detector.set_down(false);
    // Nothing is lost: the same upload can be completed once the detector is back.
    let id = problem.members["upload_id"].as_str().unwrap().to_owned();
    wait_for(
        "complete to work again",
        Duration::from_mins(1),
        async || {
            let path = format!("/v1/uploads/{id}/complete");
            let answer = client.call(Method::POST, &path).await?;
            Ok((answer.status == 201).then_some(()))
        },
    )
    .await
    .unwrap();

    let links = "https://example.com/buy ".repeat(30);
    let refused = client.post(&links, None).await.unwrap();
    refused.expect_problem(422, "content-refused").unwrap();
    let _: Post = client
        .post("only once", None)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let twice = client.post("only once", None).await.unwrap();
    twice.expect_problem(422, "content-refused").unwrap();
    platform.stop().await.unwrap();
}

#[tokio::test]
async fn an_unsafe_picture_takes_only_its_own_key_with_it() {
    let detector = Detector::start().await.unwrap();
    let options = Options::default()
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "true");
    let mut platform = Platform::start(Options {
        no_workers: true,
        ..options
    })
    .await
    .unwrap();
    let client = platform
        .client()
        .unwrap()
        .sign_up("changer")
        .await
        .unwrap()
        .0;
    let set = async |id| {
        let body = json!({"upload_id": id});
        client
            .send(Method::PUT, "/v1/me/avatar", &body)
            .await
            .unwrap()
            .expect_status(200)
            .unwrap();
    };

    let red = client
        .upload_ok("avatar", fixtures::read("unsafe.png").unwrap())
        .await
        .unwrap();
    set(red.id).await;
    let green = client
        .upload_ok("avatar", fixtures::read("photo.jpg").unwrap())
        .await
        .unwrap();
    set(green.id).await;
    // Only now is anything judged.
    let worker = platform.start_worker().await.unwrap();
    let removed = client.wait_for_verdict(red.id).await.unwrap();
    assert_eq!(removed.moderation, Moderation::Removed);
    client.wait_for_verdict(green.id).await.unwrap();
    let avatar = client.me().await.unwrap().profile.avatar.unwrap();
    assert_eq!(avatar.key.0, green.id, "the newer avatar stays");
    client
        .get(&removed.url)
        .await
        .unwrap()
        .expect_problem(404, "not-found")
        .unwrap();
    worker
        .stop(sluicegate_tests::platform::STOP_LIMIT)
        .await
        .unwrap();
    platform.kill_origin().unwrap();
}
