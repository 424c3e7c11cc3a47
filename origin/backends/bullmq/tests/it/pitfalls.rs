//! What BullMQ does if nobody sees to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sluicegate_bullmq::BullSettings;
use sluicegate_core::job::{JobState, LeasedJob};
use sluicegate_core::ports::{Ended, Hands};
use sluicegate_worker::Outcome;

use crate::support::{Log, TestJob, World, quick, redis_or_skip, until};

#[tokio::test]
async fn a_job_that_panics_is_tried_again() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let job = TestJob::new(|job| async move {
        assert!(job.lease.attempt > 1, "the first attempt goes wrong");
        Ok(Outcome::Done)
    });
    let id = world.add().await;
    let running = world.run(&redis.bull(), &job, quick());
    let done = world.until_state(id, JobState::Done).await;
    assert_eq!(done.attempts, 2);
    running.stop().await;
}

/// Hands that break once, then work.
struct Breaking {
    calls: AtomicUsize,
    inner: Arc<dyn Hands>,
}

#[async_trait]
impl Hands for Breaking {
    async fn work_on(&self, job: LeasedJob) -> Ended {
        assert!(
            self.calls.fetch_add(1, Ordering::SeqCst) > 0,
            "the first call breaks"
        );
        self.inner.work_on(job).await
    }

    async fn bury(&self, job: LeasedJob, reason: &str) -> Ended {
        self.inner.bury(job, reason).await
    }

    fn give_back(&self) {
        self.inner.give_back();
    }
}

#[tokio::test]
async fn a_handler_that_panics_holds_no_job() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let (bull, job) = (redis.bull(), TestJob::done());
    let id = world.add().await;
    let hands = Arc::new(Breaking {
        calls: AtomicUsize::new(0),
        inner: world.hands(&job, &quick()),
    });
    let running = world.work_with(&bull, hands.clone(), quick());
    let relay = world.relay(&bull, quick());
    assert_eq!(relay.relay_once("post-processing").await.unwrap(), 1);
    world.until_state(id, JobState::Done).await;
    running.stop().await;
    assert_eq!((hands.calls.load(Ordering::SeqCst), job.runs()), (2, 1));
}

#[tokio::test]
async fn a_job_survives_as_many_lost_workers_as_are_allowed_and_then_is_buried() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let bull = redis.bull();
    let id = world.add_with(100, Duration::ZERO).await;
    let relay = world.relay(&bull, quick());
    assert_eq!(relay.relay_once("post-processing").await.unwrap(), 1);
    let stuck = TestJob::new(|_| std::future::pending());
    // Four workers die over it: the first delivery, and three after it.
    for lost in 1..=4 {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (other, mut settings) = (redis.bull(), quick());
        settings.lease = Duration::from_millis(500);
        let world_hands = {
            let _in = runtime.enter();
            world.hands(&stuck, &settings)
        };
        let workers = world.workers(&other, world_hands, settings);
        runtime.spawn(async move {
            workers
                .run(
                    &[("post-processing", 1)],
                    tokio_util::sync::CancellationToken::new(),
                )
                .await;
        });
        until("it is tried", async || stuck.runs() == lost).await;
        // As a crash does: no lock is renewed any more.
        runtime.shutdown_background();
    }
    // One more: Redis gives it up, and its death is told.
    let job = TestJob::done();
    let running = world.run(&bull, &job, quick());
    let dead = world.until_state(id, JobState::Dead).await;
    let error = dead.last_error.unwrap();
    assert!(error.contains("stalled"), "{error}");
    running.stop().await;
    assert_eq!((job.runs(), job.deaths()), (0, 1));
}

/// A worker's events come in order through a channel without bounds. That the last of many is heard says that none of those
/// before it is kept.
#[tokio::test]
async fn events_of_a_worker_do_not_pile_up() {
    let mut redis = redis_or_skip!();
    let log = Log::of_this_thread();
    let world = World::new().await;
    let (bull, job) = (redis.bull(), TestJob::done());
    let running = world.run(&bull, &job, quick());
    let jobs = world.add_many(300).await;
    world.until_all_done(&jobs).await;
    let heard = || log.has("a worker on Redis");
    assert!(!heard(), "nothing has gone wrong yet");
    redis.kill().await;
    until("the end of Redis is heard of", async || heard()).await;
    running.stop().await;
}

#[test]
fn the_times_are_those_that_were_found_to_hold() {
    let settings = BullSettings::new("test");
    assert_eq!(settings.retry_pause, Duration::from_secs(1));
    assert_eq!(settings.max_stalled_count, 3);
    assert_eq!(settings.lock, Duration::from_secs(30));
    let stalled = settings.stalled_interval.as_secs();
    assert!((10..=15).contains(&stalled), "{stalled} s");
    assert!(
        settings.lease < settings.lock,
        "a row is free when Redis delivers it again"
    );
}
