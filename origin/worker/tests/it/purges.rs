#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use sluicegate_contract::ids::{AccountId, JobId, UploadId};
use sluicegate_contract::limits::{DELETION_GRACE, GRANT_CACHE_TIME};
use sluicegate_contract::media::MediaKey;
use sluicegate_contract::uploads::Moderation;
use sluicegate_core::job::{JobState, purge_id};
use sluicegate_core::ports::Purge;
use sluicegate_core::upload::media_object;

use crate::support::{Mood, World, until};

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

/// Keys and ids of what caches were told, sorted by key.
fn told(world: &World) -> Vec<(UploadId, JobId)> {
    let taken = world.purge.taken();
    let mut told: Vec<_> = taken.iter().map(|purge| (purge.key.0, purge.id)).collect();
    told.sort_unstable();
    told
}

/// Somebody with two pictures, and somebody else with one.
async fn with_pictures(world: &World) -> (AccountId, [UploadId; 2]) {
    let (ada, bob) = (world.account("ada").await, world.account("bob").await);
    let running = world.work();
    let mut pictures = Vec::new();
    for owner in [ada, bob, ada] {
        let (upload, job) = world.upload(owner, "a photo").await;
        world.until_job(job, JobState::Done).await;
        pictures.push(upload);
    }
    running.stop().await;
    (ada, [pictures[0], pictures[2]])
}

#[tokio::test]
async fn caches_are_told_of_all_pictures_of_who_leaves() {
    let world = World::new().await;
    let (ada, pictures) = with_pictures(&world).await;
    let job = world.leave(ada).await;
    let running = world.work();
    world.until_job(job, JobState::Done).await;
    running.stop().await;
    assert_eq!(told(&world), [], "edges may still have grants");

    let ids = pictures.map(|upload| purge_id(job.0, MediaKey(upload)));
    world.purge.set_down(true);
    world.clock.put_forward(GRANT_CACHE_TIME);
    let running = world.work();
    for id in ids {
        world.until_failed(id).await;
    }
    running.stop().await;
    world.purge.set_down(false);
    world.clock.put_forward(Duration::from_mins(1));
    let running = world.work();
    for id in ids {
        world.until_job(id, JobState::Done).await;
    }
    running.stop().await;
    let mut expected = [(pictures[0], ids[0]), (pictures[1], ids[1])];
    expected.sort_unstable();
    assert_eq!(told(&world), expected);

    // At the end of the time they are told once more, and nobody else's picture is in it.
    world.clock.put_forward(DELETION_GRACE);
    assert_eq!(world.erase().await.unwrap(), 1);
    let again = pictures.map(|upload| (upload, purge_id(ada.0, MediaKey(upload))));
    let mut expected = [expected, again].concat();
    expected.sort_unstable();
    assert_eq!(told(&world), expected);
}

#[tokio::test]
async fn caches_keep_the_pictures_of_who_came_back() {
    let world = World::new().await;
    let (ada, pictures) = with_pictures(&world).await;
    let job = world.leave(ada).await;
    let running = world.work();
    world.until_job(job, JobState::Done).await;
    running.stop().await;
    let back = world.accounts.restore(ada, world.env.now()).await;
    assert!(back.unwrap());
    world.clock.put_forward(GRANT_CACHE_TIME);
    let running = world.work();
    for upload in pictures {
        let purge = purge_id(job.0, MediaKey(upload));
        world.until_job(purge, JobState::Done).await;
    }
    running.stop().await;
    assert_eq!(told(&world), []);
}

#[tokio::test]
async fn an_account_is_erased_though_no_cache_answers() {
    let world = World::new().await;
    let (ada, pictures) = with_pictures(&world).await;
    world.leave(ada).await;
    world.purge.set_down(true);
    world.clock.put_forward(DELETION_GRACE);
    assert_eq!(world.erase().await.unwrap(), 1);
    assert!(world.purge.refused() >= 1);
    for upload in pictures {
        assert!(!world.objects.has(&media_object(upload)));
    }
}

#[tokio::test]
async fn caches_are_told_when_there_is_nothing_to_fetch() {
    let world = World::new().await;
    world.detector.set(Mood::Unsafe);
    world.objects.set_keeps(true);
    let ada = world.account("ada").await;
    let (upload, image) = world.upload(ada, "a photo").await;
    let running = world.work();
    world.until_failed(image).await;
    let records = world.context.uploads.records(upload).await.unwrap();
    let job = JobId(records[0].id);
    world.clock.put_forward(GRANT_CACHE_TIME);
    world.until_failed(job).await;
    assert!(world.objects.has(&media_object(upload)));
    assert_eq!(world.purge.taken(), [], "a cache could fetch it again");

    world.objects.set_keeps(false);
    world.clock.put_forward(Duration::from_hours(1));
    until("it is deleted and purged", || async {
        world.job(job).await.state == JobState::Done
    })
    .await;
    running.stop().await;
    assert!(!world.objects.has(&media_object(upload)));
    assert_eq!(world.purge.taken(), [purge(upload, job)]);
}
