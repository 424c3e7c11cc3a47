//! Pictures that no row knows: deleted when they are old, and only where the bucket is the database's own.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::UploadState;
use sluicegate_core::account::PictureSlot;
use sluicegate_core::job::JobState;
use sluicegate_core::sweep::{BUCKET_MARKER, Bucket, SweepReport};
use sluicegate_core::upload::{media_object, staged_object};

use crate::support::World;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

async fn sweep(world: &World) -> SweepReport {
    world.context.sweep.run().await.unwrap()
}

/// A picture that a profile shows.
async fn shown(world: &World) -> UploadId {
    let ada = world.account("ada").await;
    let running = world.work();
    let (upload, job) = world.upload(ada, "a photo").await;
    world.until_job(job, JobState::Done).await;
    running.stop().await;
    let slot = PictureSlot::Avatar;
    world.accounts.set_picture(ada, slot, upload).await.unwrap();
    upload
}

/// A picture whose row is gone: its maker was killed before it could look at the row again.
fn orphan(world: &World) -> String {
    let key = media_object(UploadId(world.env.new_id()));
    world.objects.store(&key, "a picture of somebody");
    key
}

/// A database of its own, on the store of another.
async fn another_on(world: &World) -> World {
    let mut other = World::new().await;
    other.objects = Arc::clone(&world.objects);
    other.context.objects = other.objects.clone();
    other.context.sweep.objects = other.objects.clone();
    other
}

#[tokio::test]
async fn a_picture_without_a_row_goes_after_a_day() {
    let world = World::new().await;
    let shown = media_object(shown(&world).await);
    assert_eq!(sweep(&world).await.bucket, Bucket::Ours);
    let orphan = orphan(&world);
    let stranger = "media/notes.txt";
    world.objects.store(stranger, "not ours");
    for (later, deleted) in [(HOUR * 23, 0), (HOUR, 1), (DAY, 0)] {
        assert!(world.objects.has(&orphan) || later == DAY);
        world.clock.put_forward(later);
        assert_eq!(sweep(&world).await.orphans_deleted, deleted);
    }
    assert!(!world.objects.has(&orphan));
    assert!(world.objects.has(&shown) && world.objects.has(stranger));
}

#[tokio::test]
async fn a_picture_that_is_stored_again_when_nobody_looks_any_more_goes_too() {
    let world = World::new().await;
    let ada = world.account("ada").await;
    let (late, _) = world.upload(ada, "a photo").await;
    let now = world.env.now();
    let rejected = world.context.uploads.reject(late, "broken", now).await;
    rejected.unwrap();
    for _ in 0..2 {
        assert_eq!(sweep(&world).await.uploads_swept, 1);
        world.clock.put_forward(HOUR);
    }
    world.objects.store(&media_object(late), "late");
    assert_eq!(sweep(&world).await.uploads_swept, 0);
    assert!(world.objects.has(&media_object(late)));
    world.clock.put_forward(DAY);
    assert_eq!(sweep(&world).await.orphans_deleted, 1);
    assert!(!world.objects.has(&media_object(late)));
    assert_eq!(world.see_upload(late).await.state, UploadState::Rejected);
}

#[tokio::test]
async fn a_run_goes_on_where_the_one_before_stopped() {
    let mut world = World::new().await;
    let shown = media_object(shown(&world).await);
    assert_eq!(sweep(&world).await.bucket, Bucket::Ours);
    for _ in 0..5 {
        orphan(&world);
    }
    world.clock.put_forward(DAY);
    world.context.sweep.rules.batch = 2;
    world.context.sweep.rules.batches = 1;
    let mut deleted = Vec::new();
    for _ in 0..3 {
        deleted.push(sweep(&world).await.orphans_deleted);
    }
    assert_eq!(deleted.iter().sum::<u64>(), 5, "{deleted:?}");
    assert!(deleted.iter().all(|count| *count <= 2), "{deleted:?}");
    assert!(world.objects.has(&shown));
}

#[tokio::test]
async fn nothing_goes_from_the_bucket_of_another_database() {
    let world = World::new().await;
    let shown = media_object(shown(&world).await);
    assert_eq!(sweep(&world).await.bucket, Bucket::Ours);
    let staged = staged_object(UploadId(world.env.new_id()));
    world.objects.store(&staged, "of somebody");
    let before = world.objects.keys();
    let other = another_on(&world).await;
    other.clock.put_forward(DAY * 2);
    // It finds the marker whether it has a name of its own or not.
    for _ in 0..2 {
        let report = sweep(&other).await;
        assert_eq!(report.bucket, Bucket::Foreign);
        assert_eq!((report.orphans_deleted, report.leftovers_deleted), (0, 0));
        let store = &other.context.sweep.store;
        store.note_identity(other.env.new_id()).await.unwrap();
    }
    assert_eq!(world.objects.keys(), before);
    world.clock.put_forward(DAY * 2);
    assert_eq!(sweep(&world).await.bucket, Bucket::Ours);
    assert!(world.objects.has(&shown) && !world.objects.has(&staged));
}

#[tokio::test]
async fn a_bucket_without_a_name_is_taken_only_by_who_knows_its_pictures() {
    let world = World::new().await;
    let shown = media_object(shown(&world).await);
    let other = another_on(&world).await;
    other.clock.put_forward(DAY * 2);
    let report = sweep(&other).await;
    assert_eq!(
        (report.bucket, report.orphans_deleted),
        (Bucket::Unmarked, 0)
    );
    assert!(world.objects.has(&shown) && !world.objects.has(BUCKET_MARKER));

    let own = &world.context.sweep;
    assert_eq!(own.bucket().await.unwrap(), Bucket::Unmarked);
    assert!(!world.objects.has(BUCKET_MARKER), "looking changes nothing");
    assert_eq!(sweep(&world).await.bucket, Bucket::Ours);
    assert!(world.objects.has(BUCKET_MARKER));

    // Somebody says so who knows.
    other.context.sweep.claim_bucket().await.unwrap();
    assert_eq!(own.bucket().await.unwrap(), Bucket::Foreign);
    let report = sweep(&other).await;
    assert_eq!((report.bucket, report.orphans_deleted), (Bucket::Ours, 1));
    assert!(!world.objects.has(&shown));
}
