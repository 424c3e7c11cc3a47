use std::time::Duration;

use sluicegate_contract::uploads::{Moderation, UploadState};
use sluicegate_core::account::PictureSlot;
use sluicegate_core::job::JobState;
use sluicegate_core::moderation::Outcome as Verdict;
use sluicegate_core::upload::{media_object, staged_object};

use crate::support::{Mood, World, until};

#[tokio::test]
async fn a_safe_picture_is_made_and_passes() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let running = world.work();
    let (id, job) = world.upload(owner, "cat").await;
    world.until_job(job, JobState::Done).await;
    running.stop().await;

    let upload = world.see_upload(id).await;
    assert_eq!(
        (upload.state, upload.moderation),
        (UploadState::Ready, Moderation::Passed)
    );
    assert!(world.objects.has(&media_object(id)) && !world.objects.has(&staged_object(id)));
    let records = world.context.uploads.records(id).await.unwrap();
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(
        (record.source.as_str(), record.stage.as_str()),
        ("moody", "image")
    );
    assert_eq!((record.outcome, record.owner), (Verdict::Passed, owner));
    assert_eq!(
        (record.reason.as_str(), record.confidence),
        ("a mood", 0.75)
    );
    assert_eq!(record.scores, serde_json::json!({"mood": 1}));
}

#[tokio::test]
async fn a_file_must_have_the_hash_that_was_declared_whatever_the_store_checked() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let running = world.work();
    // What the stand-in says of each file.
    let (right, right_job) = world.upload_declared(owner, "cat", [0xab; 32]).await;
    let (wrong, wrong_job) = world.upload_declared(owner, "dog", [0xac; 32]).await;
    world.until_job(right_job, JobState::Done).await;
    world.until_job(wrong_job, JobState::Done).await;
    running.stop().await;

    assert_eq!(world.see_upload(right).await.state, UploadState::Ready);
    let upload = world.see_upload(wrong).await;
    assert_eq!(upload.state, UploadState::Rejected);
    assert_eq!(upload.reason.as_deref(), Some("digest"));
    assert!(!world.objects.has(&media_object(wrong)) && !world.objects.has(&staged_object(wrong)));
    assert!(
        world
            .context
            .uploads
            .records(wrong)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn an_unsafe_picture_goes_and_so_does_its_key_where_it_is_still_that_key() {
    let world = World::new().await;
    world.detector.set(Mood::Unsafe);
    let (ada, bob) = (world.account("ada").await, world.account("bob").await);
    let (bad, job) = world.upload(ada, "bad").await;
    let (worse, other_job) = world.upload(bob, "worse").await;
    let (kept, _) = world.upload(bob, "kept").await;
    world
        .accounts
        .set_picture(ada, PictureSlot::Avatar, bad)
        .await
        .unwrap();
    world
        .accounts
        .set_picture(bob, PictureSlot::Avatar, worse)
        .await
        .unwrap();
    world
        .accounts
        .set_picture(bob, PictureSlot::Avatar, kept)
        .await
        .unwrap();
    // Somebody else is making Bob's new avatar for as long as this test takes.
    let hour = Duration::from_hours(1);
    let somebody = world.maker(kept);
    world
        .context
        .uploads
        .claim_making(&somebody, world.env.now(), hour, None)
        .await
        .unwrap();

    let running = world.work();
    world.until_job(job, JobState::Done).await;
    world.until_job(other_job, JobState::Done).await;

    for id in [bad, worse] {
        let upload = world.see_upload(id).await;
        assert_eq!(
            (upload.state, upload.moderation),
            (UploadState::Rejected, Moderation::Removed)
        );
        assert_eq!(upload.reason.as_deref(), Some("unsafe"));
        assert!(!world.objects.has(&media_object(id)) && !world.objects.has(&staged_object(id)));
        let records = world.context.uploads.records(id).await.unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].outcome, Verdict::Removed);
    }
    assert_eq!(
        world.accounts.account(ada).await.unwrap().unwrap().avatar,
        None
    );
    let avatar = world.accounts.account(bob).await.unwrap().unwrap().avatar;
    assert_eq!(avatar.map(|picture| picture.upload), Some(kept));
    running.kill().await;
}

#[tokio::test]
async fn an_outage_of_the_detector_is_no_verdict() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    for mood in [Mood::Down, Mood::Broken] {
        world.detector.set(mood);
        let running = world.work();
        let (id, job) = world.upload(owner, "cat").await;
        world
            .accounts
            .set_picture(owner, PictureSlot::Avatar, id)
            .await
            .unwrap();
        for _ in 0..3 {
            let failed = world.until_failed(job).await;
            let asked = world.detector.asked();
            assert!(failed.last_error.unwrap().contains("judge"));
            let upload = world.see_upload(id).await;
            assert_eq!(
                (upload.state, upload.moderation),
                (UploadState::Ready, Moderation::Unreviewed)
            );
            assert!(world.objects.has(&media_object(id)));
            world.clock.put_forward(Duration::from_hours(2));
            until("it was asked again", || async {
                world.detector.asked() > asked
            })
            .await;
        }
        world.until_failed(job).await;
        world.detector.set(Mood::Unsafe);
        world.clock.put_forward(Duration::from_hours(2));
        world.until_job(job, JobState::Done).await;
        assert_eq!(world.see_upload(id).await.moderation, Moderation::Removed);
        assert_eq!(
            world.accounts.account(owner).await.unwrap().unwrap().avatar,
            None
        );
        running.stop().await;
    }
}

#[tokio::test]
async fn without_a_detector_a_picture_stays_unreviewed() {
    let world = World::new().await;
    world.detector.set(Mood::Absent);
    let owner = world.account("ada").await;
    let running = world.work();
    let (id, job) = world.upload(owner, "cat").await;
    world.until_job(job, JobState::Done).await;
    let upload = world.see_upload(id).await;
    assert_eq!(
        (upload.state, upload.moderation),
        (UploadState::Ready, Moderation::Unreviewed)
    );
    assert_eq!(world.context.uploads.records(id).await.unwrap(), []);
    running.stop().await;
}

#[tokio::test]
async fn what_was_removed_is_deleted_at_last() {
    let world = World::new().await;
    world.detector.set(Mood::Unsafe);
    world.objects.set_keeps(true);
    let owner = world.account("ada").await;
    let running = world.work();
    let (id, job) = world.upload(owner, "bad").await;
    let failed = world.until_failed(job).await;
    assert!(failed.last_error.unwrap().contains("cannot delete"));
    assert_eq!(
        world.see_upload(id).await.moderation,
        Moderation::Removed,
        "nobody sees it"
    );
    assert!(world.objects.has(&media_object(id)));

    world.objects.set_keeps(false);
    world.clock.put_forward(Duration::from_hours(2));
    world.until_job(job, JobState::Done).await;
    assert!(!world.objects.has(&media_object(id)) && !world.objects.has(&staged_object(id)));
    assert_eq!(world.context.uploads.records(id).await.unwrap().len(), 1);
    assert_eq!(world.detector.asked(), 1, "it was judged once");
    running.stop().await;
}

#[tokio::test]
async fn running_twice_changes_nothing() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let running = world.work();
    for (mood, verdict) in [
        (Mood::Safe, Moderation::Passed),
        (Mood::Unsafe, Moderation::Removed),
    ] {
        world.detector.set(mood);
        let (id, job) = world.upload(owner, "cat").await;
        world.until_job(job, JobState::Done).await;
        let before = world.see_upload(id).await;
        assert_eq!(before.moderation, verdict);
        let again = world.image_job(id, owner);
        world.queue.add(&again).await.unwrap();
        world.until_job(again.id, JobState::Done).await;
        assert_eq!(world.see_upload(id).await, before);
        assert_eq!(world.context.uploads.records(id).await.unwrap().len(), 1);
    }
    assert_eq!(world.detector.asked(), 2);
    running.stop().await;
}
