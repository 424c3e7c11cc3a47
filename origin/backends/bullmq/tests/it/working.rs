//! What becomes of deliveries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bullmq::types::JobState as There;
use sluicegate_core::fair::Bounds;
use sluicegate_core::job::{JobState, POST_QUEUE};
use sluicegate_core::ports::ClaimRequest;
use sluicegate_worker::Outcome;
use tokio::sync::Semaphore;

use crate::support::{TestJob, World, quick, redis_or_skip, until};

#[tokio::test]
async fn each_job_runs_once() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let jobs = world.add_many(60).await;
    let job = TestJob::done();
    let running = world.run(&redis.bull(), &job, quick());
    world.until_all_done(&jobs).await;
    running.stop().await;
    assert_eq!((job.runs(), job.most_runs()), (60, 1));
    let counts = redis
        .queue(POST_QUEUE)
        .await
        .get_job_counts()
        .await
        .unwrap();
    assert_eq!(
        (counts.completed, counts.waiting, counts.active),
        (60, 0, 0)
    );
}

#[tokio::test]
async fn a_failed_attempt_waits_in_redis_and_the_last_one_is_buried() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let job = TestJob::new(|_| async {
        Ok(Outcome::Retry {
            error: "the thing is down".to_owned(),
            after: Some(Duration::from_millis(300)),
        })
    });
    let id = world.add_with(3, Duration::ZERO).await;
    let running = world.run(&redis.bull(), &job, quick());
    let dead = world.until_state(id, JobState::Dead).await;
    assert_eq!(
        (dead.attempts, dead.last_error.as_deref()),
        (3, Some("the thing is down"))
    );
    until("its death was told", async || job.deaths() == 1).await;
    let queue = redis.queue(POST_QUEUE).await;
    let there = async || queue.get_job_state(&id.to_string()).await.unwrap();
    until("Redis knows", async || there().await == There::Failed).await;
    let (log, _) = queue
        .get_job_logs(&id.to_string(), 0, -1, true)
        .await
        .unwrap();
    assert!(
        log.join("\n")
            .contains("attempt 1 failed: the thing is down"),
        "{log:?}"
    );
    running.stop().await;
    assert_eq!((job.runs(), job.deaths()), (3, 1));
}

/// Each delivery renews its own lock: BullMQ would lose that of one that came again before the last was put away.
#[tokio::test]
async fn a_job_is_delivered_once_however_long_it_takes() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let (id, bull) = (world.add().await, redis.bull());
    let mut settings = quick();
    // Renewed each half of that, by a machine that does other things.
    settings.lock = Duration::from_secs(4);
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let job = TestJob::new(move |_| {
        let held = held.clone();
        async move {
            let _ = held.acquire().await;
            Ok(Outcome::Done)
        }
    });
    let began = Instant::now();
    let running = world.run(&bull, &job, settings.clone());
    // Two such looks, and a lost worker's job is another's.
    let lost = settings.lock + 3 * settings.stalled_interval;
    until("it would be lost", async || began.elapsed() > 2 * lost).await;
    gate.close();
    world.until_state(id, JobState::Done).await;
    running.stop().await;
    let there = redis.queue(POST_QUEUE).await.get_job(&id.to_string()).await;
    assert_eq!(there.unwrap().unwrap().attempts_started(), 1);
}

#[tokio::test]
async fn a_dead_job_that_is_retried_in_redis_runs_again() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let job = TestJob::new(|job| async move {
        Ok(if job.lease.attempt == 1 {
            Outcome::Fail {
                error: "never".to_owned(),
            }
        } else {
            Outcome::Done
        })
    });
    let id = world.add().await;
    let running = world.run(&redis.bull(), &job, quick());
    world.until_state(id, JobState::Dead).await;
    let queue = redis.queue(POST_QUEUE).await;
    let name = id.to_string();
    until("Redis knows", async || {
        queue.get_job_state(&name).await.unwrap() == There::Failed
    })
    .await;
    // As a dashboard does.
    let mut there = queue.get_job(&name).await.unwrap().unwrap();
    there.retry("failed", None).await.unwrap();
    world.until_state(id, JobState::Done).await;
    running.stop().await;
}

#[tokio::test]
async fn a_delivery_of_a_settled_job_has_no_effect() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let id = world.add().await;
    let request = ClaimRequest {
        queue: POST_QUEUE,
        worker: "table",
        limit: 1,
        lease: Duration::from_mins(1),
        bounds: Bounds::NONE,
    };
    let claimed = world.queue.claim(&request, world.env.now()).await.unwrap();
    world
        .queue
        .settle(&claimed[0].lease, world.env.now())
        .await
        .unwrap();
    redis
        .add(POST_QUEUE, &id.to_string(), world.view(id).await.payload)
        .await;
    let job = TestJob::done();
    let running = world.work(&redis.bull(), &job, quick());
    let queue = redis.queue(POST_QUEUE).await;
    let completed = async || queue.get_completed_count().await.unwrap() == 1;
    until("it is completed", completed).await;
    running.stop().await;
    assert_eq!(job.runs(), 0);
}

#[tokio::test]
async fn a_delivery_of_a_job_that_somebody_has_waits_for_him() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let id = world.add().await;
    let request = ClaimRequest {
        queue: POST_QUEUE,
        worker: "table",
        limit: 1,
        lease: Duration::from_secs(10),
        bounds: Bounds::NONE,
    };
    world.queue.claim(&request, world.env.now()).await.unwrap();
    redis
        .add(POST_QUEUE, &id.to_string(), world.view(id).await.payload)
        .await;
    let job = TestJob::done();
    let running = world.work(&redis.bull(), &job, quick());
    let queue = redis.queue(POST_QUEUE).await;
    until("it waits", async || {
        queue.get_delayed_count().await.unwrap() == 1
    })
    .await;
    assert_eq!(job.runs(), 0);
    // The other one never comes back.
    let done = world.until_state(id, JobState::Done).await;
    assert_eq!(done.attempts, 2);
    running.stop().await;
}

#[tokio::test]
async fn who_stops_gives_back_what_he_could_not_finish() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let id = world.add().await;
    let (bull, gate) = (redis.bull(), Arc::new(Semaphore::new(0)));
    let held = gate.clone();
    let job = TestJob::new(move |_| {
        let held = held.clone();
        async move {
            let _ = held.acquire().await;
            Ok(Outcome::Done)
        }
    });
    let mut settings = quick();
    settings.drain = Duration::from_millis(200);
    let first = world.run(&bull, &job, settings);
    until("it runs", async || job.runs() == 1).await;
    first.stop().await;
    assert_eq!(world.view(id).await.state, JobState::Relayed);
    let queue = redis.queue(POST_QUEUE).await;
    assert_eq!(
        queue.get_job_state(&id.to_string()).await.unwrap(),
        There::Waiting
    );

    gate.close();
    let second = world.run(&bull, &job, quick());
    let done = world.until_state(id, JobState::Done).await;
    assert_eq!(done.attempts, 2);
    second.stop().await;
}
