//! `MODERATION_IMAGE_GATE=strict`, through the edge.

use std::time::Duration;

use reqwest::Method;
use sluicegate_contract::uploads::{Moderation, Upload};
use sluicegate_tests::client::{Answer, Client};
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform};
use sluicegate_tests::wait::wait_for;

const LIMIT: Duration = Duration::from_mins(1);

/// Every way to ask for a picture that could say something of it.
async fn ask(client: &Client, path: &str) -> Vec<Answer> {
    let headers = [
        ("accept", "image/*"),
        ("if-none-match", "*"),
        ("if-match", "\"x\""),
        ("range", "bytes=0-0"),
    ];
    let mut answers = Vec::new();
    for method in [Method::GET, Method::HEAD] {
        for (name, value) in headers {
            let request = client.request(method.clone(), path).header(name, value);
            answers.push(Answer::read(request.send().await.unwrap()).await.unwrap());
        }
    }
    answers
}

async fn sees_nothing(client: &Client, path: &str) {
    for answer in ask(client, path).await {
        answer.expect_status(404).unwrap();
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("etag"), "");
        assert_eq!(answer.header("content-range"), "");
    }
}

/// Sees the picture itself, and keeps it nowhere.
async fn sees_preview(client: &Client, upload: &Upload) -> Vec<u8> {
    let preview = upload.preview_url.as_deref().expect("a preview");
    let answer = client.get(preview).await.unwrap();
    answer.expect_status(200).unwrap();
    assert_eq!(answer.header("content-type"), "image/webp");
    assert_eq!(answer.header("cache-control"), "private, no-store");
    answer.body
}

#[tokio::test]
async fn nobody_else_sees_a_picture_before_it_has_passed() {
    let detector = Detector::start().await.unwrap();
    detector.set_down(true);
    let options = Options::default()
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "true")
        .setting("MODERATION_IMAGE_GATE", "strict");
    let platform = Platform::start(options).await.unwrap();
    let stranger = platform.client().unwrap();
    let (owner, _) = stranger.sign_up("gate_owner").await.unwrap();
    let (other, _) = stranger.sign_up("gate_other").await.unwrap();

    let photo = fixtures::read("photo.jpg").unwrap();
    let upload = owner.upload_ok("post_header", photo).await.unwrap();
    let post = owner.post("With a picture", Some(upload.id)).await.unwrap();
    post.expect_status(201).unwrap();
    // An image element sends no header: the address alone opens it, also before a worker has come.
    let seen = sees_preview(&stranger, &upload).await;
    let ready = owner.wait_until_ready(upload.id).await.unwrap();
    for client in [&stranger, &other, &owner] {
        sees_nothing(client, &ready.url).await;
    }
    assert_eq!(sees_preview(&stranger, &ready).await, seen);
    let header = async |client: &Client| {
        let posts = wait_for("the post to be listed", LIMIT, async || {
            Ok(client.newest_posts().await?.into_iter().next())
        });
        posts.await.unwrap().header
    };
    assert_eq!(header(&stranger).await, None);
    assert_eq!(header(&other).await, None);
    assert!(header(&owner).await.unwrap().preview_url.is_some());

    let unsafe_ = fixtures::read("unsafe.png").unwrap();
    let unsafe_ = owner.upload_ok("avatar", unsafe_).await.unwrap();
    sees_preview(&stranger, &unsafe_).await;
    detector.fails().await.unwrap();
    detector.set_down(false);

    let passed = owner.wait_for_verdict(upload.id).await.unwrap();
    assert_eq!(passed.moderation, Moderation::Passed);
    assert_eq!(passed.preview_url, None);
    let what = "the picture to be everybody's";
    let public = wait_for(what, LIMIT, async || {
        let answer = stranger.get(&passed.url).await?;
        Ok((answer.status == 200).then_some(answer))
    });
    let public = public.await.unwrap();
    assert_eq!(public.body, seen);
    assert!(public.header("cache-control").contains("s-maxage=3600"));
    if platform.servers().contains("replica") {
        // It may show that a little later.
        wait_for("the replica to show it", LIMIT, async || {
            Ok(header(&stranger).await.map(drop))
        })
        .await
        .unwrap();
    }
    assert!(header(&stranger).await.is_some());

    let removed = owner.wait_for_verdict(unsafe_.id).await.unwrap();
    assert_eq!(removed.moderation, Moderation::Removed);
    sees_nothing(&stranger, unsafe_.preview_url.as_deref().unwrap()).await;
    sees_nothing(&owner, &removed.url).await;
    platform.stop().await.unwrap();
}
