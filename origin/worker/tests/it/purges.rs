#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use sluicegate_contract::ids::{JobId, UploadId};
use sluicegate_contract::limits::GRANT_CACHE_TIME;
use sluicegate_contract::media::MediaKey;
use sluicegate_contract::uploads::Moderation;
use sluicegate_core::job::JobState;
use sluicegate_core::ports::Purge;

use crate::support::{Mood, World};

/// An unsafe picture, judged; with the job that its removal left.
async fn removed(world: &World) -> (UploadId, JobId) {
    world.detector.set(Mood::Unsafe);
    let ada = world.account("ada").await;
    let (upload, job) = world.upload(ada, "a photo").await;
    let running = world.work();
    world.until_job(job, JobState::Done).await;
    running.stop().await;
    assert_eq!(
        world.see_upload(upload).await.moderation,
        Moderation::Removed
    );
    let records = world.context.uploads.records(upload).await.unwrap();
    (upload, JobId(records[0].id))
}

fn purge(upload: UploadId, job: JobId) -> Purge {
    Purge {
        id: job,
        key: MediaKey(upload),
    }
}

#[tokio::test]
async fn caches_are_told_once_when_no_edge_has_a_grant_any_more() {
    let world = World::new().await;
    let (upload, job) = removed(&world).await;
    assert_eq!(world.job(job).await.state, JobState::Ready);
    assert_eq!(world.purge.taken(), [], "edges may still have a grant");
    world.clock.put_forward(GRANT_CACHE_TIME);
    let running = world.work();
    world.until_job(job, JobState::Done).await;
    running.stop().await;
    assert_eq!(world.purge.taken(), [purge(upload, job)]);
}

#[tokio::test]
async fn a_hook_that_is_down_is_called_again_with_the_same_id() {
    let world = World::new().await;
    world.purge.set_down(true);
    let (upload, job) = removed(&world).await;
    world.clock.put_forward(GRANT_CACHE_TIME);
    let running = world.work();
    let failed = world.until_failed(job).await;
    assert!(failed.last_error.unwrap().contains("purge hook"));
    assert!(world.purge.refused() >= 1);
    running.stop().await;
    world.purge.set_down(false);
    world.clock.put_forward(Duration::from_mins(1));
    let running = world.work();
    world.until_job(job, JobState::Done).await;
    running.stop().await;
    assert_eq!(world.purge.taken(), [purge(upload, job)]);
}

#[tokio::test]
async fn a_removal_survives_the_worker_that_made_it() {
    let world = World::new().await;
    let (upload, job) = removed(&world).await;
    world.clock.put_forward(GRANT_CACHE_TIME);
    world.purge.set_down(true);
    let running = world.work();
    world.until_failed(job).await;
    running.kill().await;
    world.purge.set_down(false);
    world.clock.put_forward(Duration::from_mins(1));
    let running = world.work();
    world.until_job(job, JobState::Done).await;
    running.stop().await;
    assert_eq!(world.purge.taken(), [purge(upload, job)]);
}
