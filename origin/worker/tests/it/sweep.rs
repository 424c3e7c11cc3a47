use std::time::Duration;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::UploadState;
use sluicegate_core::job::{JobState, MAINTENANCE_QUEUE, PRUNE_JOB, SWEEP_JOB};
use sluicegate_core::periodic::{PERIODIC, Periodic};
use sluicegate_core::upload::{media_object, staged_object};
use sluicegate_worker::{RunnerSettings, registry};

use crate::support::{Running, World, until};

fn periodic() -> RunnerSettings {
    RunnerSettings {
        periodic: PERIODIC.to_vec(),
        ..World::settings()
    }
}

fn work(world: &World) -> Running {
    world.start(world.queue.clone(), registry(&world.context), periodic())
}

fn named(name: &str) -> Periodic {
    PERIODIC.into_iter().find(|one| one.name == name).unwrap()
}

#[tokio::test]
async fn a_slot_is_swept_once_by_all_workers_and_the_next_again() {
    let world = World::new().await;
    let stray = staged_object(UploadId(world.env.new_id()));
    world.objects.store(&stray, "left behind");
    world.clock.put_forward(Duration::from_hours(1));
    let workers = [work(&world), work(&world)];
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let job = named(SWEEP_JOB).job(world.env.now()).id;
        until("the slot's job is there", || async {
            world.queue.job(job).await.unwrap().is_some()
        })
        .await;
        let done = world.until_job(job, JobState::Done).await;
        assert_eq!(done.attempts, 1);
        jobs.push(job);
        world.clock.put_forward(named(SWEEP_JOB).every);
    }
    assert_ne!(jobs[0], jobs[1]);
    assert!(!world.objects.has(&stray));
    assert_eq!(world.observer.swept(SWEEP_JOB, "leftovers"), Some(1));
    assert_eq!(world.observer.swept(SWEEP_JOB, "orphans"), Some(0));
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn rows_are_pruned_when_their_retention_is_over() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let worker = world.work();
    let (_, old) = world.upload(owner, "cat").await;
    world.until_job(old, JobState::Done).await;
    worker.stop().await;

    world.clock.put_forward(Duration::from_hours(7 * 24 + 1));
    let worker = work(&world);
    let prune = named(PRUNE_JOB).job(world.env.now()).id;
    until("the slot's job is there", || async {
        world.queue.job(prune).await.unwrap().is_some()
    })
    .await;
    world.until_job(prune, JobState::Done).await;
    assert_eq!(world.queue.job(old).await.unwrap(), None);
    assert_eq!(world.observer.swept(PRUNE_JOB, "done_jobs"), Some(1));
    assert_eq!(world.observer.swept(PRUNE_JOB, "dead_jobs"), Some(0));
    worker.stop().await;
}

#[tokio::test]
async fn an_outage_that_lasts_is_left_to_the_next_slot() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let (gone, _) = world.upload(owner, "cat").await;
    let now = world.env.now();
    let reject = world.context.uploads.reject(gone, "broken", now).await;
    reject.unwrap();
    world.objects.set_keeps(true);
    let worker = work(&world);
    let first = named(SWEEP_JOB).job(now);
    for attempt in 1..=first.max_attempts {
        until("it was tried", || async {
            let job = world.queue.job(first.id).await.unwrap();
            job.is_some_and(|job| job.attempts == attempt && job.state != JobState::Running)
        })
        .await;
        world.clock.put_forward(Duration::from_secs(20));
    }
    assert_eq!(world.job(first.id).await.state, JobState::Done);
    let stats = world.queue.stats(MAINTENANCE_QUEUE, world.env.now()).await;
    assert_eq!(stats.unwrap().dead, 0);
    assert!(world.objects.has(&staged_object(gone)));

    world.objects.set_keeps(false);
    world.clock.put_forward(named(SWEEP_JOB).every);
    until("the next one sweeps", || async {
        !world.objects.has(&staged_object(gone))
    })
    .await;
    worker.stop().await;
}

#[tokio::test]
async fn what_a_run_did_before_it_failed_is_counted() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let (gone, _) = world.upload(owner, "cat").await;
    let now = world.env.now();
    let reject = world.context.uploads.reject(gone, "broken", now).await;
    reject.unwrap();
    // What comes after the uploads that are over: whose the bucket is, and what is in it.
    world.objects.set_hides(true);
    let worker = work(&world);
    let job = named(SWEEP_JOB).job(now).id;
    until("it was tried", || async {
        let job = world.queue.job(job).await.unwrap();
        job.is_some_and(|job| job.attempts == 1 && job.state != JobState::Running)
    })
    .await;
    assert_eq!(world.observer.swept(SWEEP_JOB, "uploads"), Some(1));
    worker.stop().await;
}

#[tokio::test]
async fn a_picture_that_nobody_shows_is_gone_after_a_day() {
    let world = World::new().await;
    let owner = world.account("ada").await;
    let worker = world.work();
    let (id, job) = world.upload(owner, "cat").await;
    world.until_job(job, JobState::Done).await;
    worker.stop().await;
    let sweep = &world.context.sweep;
    let hour = Duration::from_hours(1);
    for (later, found, expired) in [(hour / 2, 0, 0), (hour, 1, 0), (hour * 23, 0, 0)] {
        world.clock.put_forward(later);
        let report = sweep.run().await.unwrap();
        assert_eq!((report.loose_found, report.loose_expired), (found, expired));
        assert!(world.objects.has(&media_object(id)));
    }
    world.clock.put_forward(hour);
    let report = sweep.run().await.unwrap();
    assert_eq!((report.loose_expired, report.uploads_swept), (1, 1));
    assert!(!world.objects.has(&media_object(id)));
    assert_eq!(world.see_upload(id).await.state, UploadState::Expired);

    // What somebody wrote late goes, too.
    world.objects.store(&media_object(id), "late");
    world.clock.put_forward(hour);
    assert_eq!(sweep.run().await.unwrap().uploads_swept, 1);
    assert!(!world.objects.has(&media_object(id)));
    assert_eq!(sweep.run().await.unwrap().uploads_swept, 0);
}
