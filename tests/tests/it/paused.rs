//! Queues that an operator pauses.

use std::time::Duration;

use sluicegate_contract::uploads::Moderation;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::wait_for;

const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_paused_queue_waits_in_all_processes_until_it_is_resumed() {
    let detector = Detector::start().await.unwrap();
    let options = Options::default()
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "true")
        .setting("MODERATION_CONTENT_ASYNC", "true");
    let platform = Platform::start(options).await.unwrap();
    let worker = platform.start_worker().await.unwrap();
    let command = async |arguments: &[&str]| platform.command(arguments).await.unwrap().join("\n");
    let list = async || command(&["jobs", "list"]).await;
    assert!(!list().await.contains("paused"));

    let told = command(&["jobs", "pause", "post-processing"]).await;
    assert!(told.contains("post-processing is paused"), "{told}");
    assert!(!told.contains("image-moderation"), "{told}");
    let client = platform.sign_up("patient").await.unwrap();
    client
        .post("said while nobody listens", None)
        .await
        .unwrap()
        .expect_status(201)
        .unwrap();
    let found = list().await;
    assert!(
        found.contains("post-processing is paused since") && found.contains(", 1 ready"),
        "{found}"
    );
    // The other queues go on, by the same workers.
    for _ in 0..2 {
        let file = fixtures::read("photo.jpg").unwrap();
        let upload = client.upload_ok("avatar", file).await.unwrap();
        let judged = client.wait_for_verdict(upload.id).await.unwrap();
        assert_eq!(judged.moderation, Moderation::Passed);
    }
    let moderation = async || -> anyhow::Result<Option<Moderation>> {
        let posts = client.newest_posts().await?;
        Ok(posts.first().map(|post| post.moderation))
    };
    let seen = moderation().await.unwrap();
    assert_eq!(seen, Some(Moderation::Unreviewed));
    let doctor = command(&["doctor"]).await;
    assert!(doctor.contains("paused since"), "{doctor}");

    let told = command(&["jobs", "resume"]).await;
    assert!(told.contains("post-processing goes on"), "{told}");
    wait_for("the post to be checked", LIMIT, async || {
        Ok(moderation()
            .await?
            .filter(|seen| *seen == Moderation::Passed))
    })
    .await
    .unwrap();
    assert!(!list().await.contains("paused"));
    worker.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}
