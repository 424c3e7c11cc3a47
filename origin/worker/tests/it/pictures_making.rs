use std::time::Duration;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::{Moderation, UploadState};
use sluicegate_core::job::{IMAGE_QUEUE, JobState, Turn};
use sluicegate_core::upload::{MakingClaim, staged_object};
use sluicegate_core::wake::Wake;

use crate::support::{LEASE, World, until};

#[tokio::test]
async fn a_file_at_fault_is_rejected_and_the_job_is_done() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let running = world.work();
    let (id, job) = world.upload(owner, "broken").await;
    let done = world.until_job(job, JobState::Done).await;
    assert_eq!(done.attempts, 1);
    let upload = world.see_upload(id).await;
    assert_eq!(
        (upload.state, upload.moderation),
        (UploadState::Rejected, Moderation::Unreviewed)
    );
    assert_eq!(upload.reason.as_deref(), Some("broken"));
    assert!(!world.objects.has(&staged_object(id)));
    running.stop().await;
}

#[tokio::test]
async fn an_upload_that_is_not_there_leaves_nothing_to_do() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let running = world.work();
    let job = world.image_job(UploadId(world.env.new_id()), owner);
    world.queue.add(&job).await.unwrap();
    world.until_job(job.id, JobState::Done).await;
    running.stop().await;
}

#[tokio::test]
async fn a_payload_that_cannot_be_read_is_dead() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let running = world.work();
    let mut job = world.image_job(UploadId(world.env.new_id()), owner);
    job.payload = serde_json::json!({"key": "../secret"});
    world.queue.add(&job).await.unwrap();
    let dead = world.until_job(job.id, JobState::Dead).await;
    assert!(dead.last_error.unwrap().starts_with("the payload is wrong"));
    running.stop().await;
}

#[tokio::test]
async fn an_outage_of_the_store_delays_the_picture() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let (id, job) = world.upload(owner, "cat").await;
    world.objects.set_down(true);
    let running = world.work();
    world.until_failed(job).await;
    assert_eq!(world.see_upload(id).await.state, UploadState::Received);
    world.objects.set_down(false);
    world.clock.put_forward(Duration::from_hours(2));
    world.until_job(job, JobState::Done).await;
    assert_eq!(world.see_upload(id).await.state, UploadState::Ready);
    running.stop().await;
}

#[tokio::test]
async fn a_picture_that_was_never_made_fails_with_its_job_and_can_be_replayed() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let (id, job) = world.upload_with_attempts(owner, "cat", 1).await;
    world.objects.set_down(true);
    let running = world.work();
    world.until_job(job, JobState::Dead).await;
    until("the upload has failed", || async {
        world.see_upload(id).await.state == UploadState::Failed
    })
    .await;
    assert_eq!(
        world.see_upload(id).await.reason.as_deref(),
        Some("processing_failed")
    );
    assert!(world.objects.has(&staged_object(id)), "kept");

    world.objects.set_down(false);
    assert!(world.queue.replay(job, world.env.now()).await.unwrap());
    world.until_job(job, JobState::Done).await;
    let upload = world.see_upload(id).await;
    assert_eq!(
        (upload.state, upload.moderation),
        (UploadState::Ready, Moderation::Passed)
    );
    running.stop().await;
}

#[tokio::test]
async fn a_picture_whose_last_worker_was_lost_fails_with_its_job() {
    let world = World::in_real_time().await;
    let owner = world.account("ada").await;
    let (id, job) = world.upload_with_attempts(owner, "cat", 1).await;
    // A worker that dies in its only attempt, and one that dies when it is about to bury the job.
    for turn in [Turn::LastAttempt, Turn::Burial] {
        let claimed = world.claim_from(IMAGE_QUEUE, Duration::ZERO).await;
        assert_eq!(claimed.first().map(|job| job.turn), Some(turn));
        world.clock.put_forward(LEASE * 2);
    }
    assert_eq!(world.see_upload(id).await.state, UploadState::Received);

    let running = world.work();
    let dead = world.until_job(job, JobState::Dead).await;
    assert!(dead.last_error.unwrap().contains("worker was lost"));
    let upload = world.see_upload(id).await;
    assert_eq!(
        (upload.state, upload.reason.as_deref()),
        (UploadState::Failed, Some("processing_failed"))
    );
    assert!(world.objects.has(&staged_object(id)), "kept");

    assert!(world.queue.replay(job, world.env.now()).await.unwrap());
    world.until_job(job, JobState::Done).await;
    assert_eq!(world.see_upload(id).await.state, UploadState::Ready);
    running.stop().await;
}

#[tokio::test]
async fn who_lost_the_picture_leaves_it_to_its_successor() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let (id, job) = world.upload(owner, "cat").await;
    let late = world.maker(id);
    let uploads = world.context.uploads.clone();
    let now = world.env.now();
    let claim = uploads.claim_making(&late, now, LEASE, None).await.unwrap();
    assert!(matches!(claim, MakingClaim::Claimed(_)));
    world.clock.put_forward(LEASE * 2);
    let running = world.work();
    world.until_job(job, JobState::Done).await;
    let ready = world.see_upload(id).await;
    assert_eq!(ready.state, UploadState::Ready);
    uploads
        .reject_making(&late, "missing", world.env.now())
        .await
        .unwrap();
    uploads
        .release_making(&late, world.env.now())
        .await
        .unwrap();
    assert_eq!(world.see_upload(id).await, ready);
    running.stop().await;
}

#[tokio::test]
async fn it_waits_for_somebody_else_who_makes_the_picture() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let (id, job) = world.upload(owner, "cat").await;
    let hour = Duration::from_hours(1);
    let uploads = &world.context.uploads;
    let somebody = world.maker(id);
    let claim = uploads
        .claim_making(&somebody, world.env.now(), hour, Some(1))
        .await
        .unwrap();
    assert!(matches!(claim, MakingClaim::Claimed(_)));
    let running = world.work();
    until("it has begun", || async {
        world.job(job).await.state == JobState::Running
    })
    .await;
    let released = uploads.release_making(&somebody, world.env.now()).await;
    released.unwrap();
    world.context.waker.wake(Wake::Upload(id));
    let done = world.until_job(job, JobState::Done).await;
    assert_eq!(done.attempts, 1, "in one attempt");
    assert_eq!(world.see_upload(id).await.state, UploadState::Ready);
    running.stop().await;
}
