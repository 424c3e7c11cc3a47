//! What the relay hands over, and what it leaves.

use std::time::Duration;

use bullmq::types::{BackoffStrategy, JobState as There};
use sluicegate_bullmq::BullError;
use sluicegate_contract::ids::{AccountId, JobId, UploadId};
use sluicegate_contract::media::MediaKey;
use sluicegate_core::job::{
    IMAGE_QUEUE, JobState, ModerateImage, NewJob, POST_JOB, POST_QUEUE, UploadType,
};

use crate::support::{TestJob, World, quick, redis_or_skip, until};

#[tokio::test]
async fn rows_are_handed_over_as_the_originals_jobs() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let ready = world.add_with(7, Duration::ZERO).await;
    let later = world.add_with(7, Duration::from_hours(1)).await;
    let relay = world.relay(&redis.bull(), quick());
    assert_eq!(relay.relay_once(POST_QUEUE).await.unwrap(), 1);
    assert_eq!(world.view(ready).await.state, JobState::Relayed);
    assert_eq!(world.view(later).await.state, JobState::Ready, "not yet");

    let queue = redis.queue(POST_QUEUE).await;
    let job = queue.get_job(&ready.to_string()).await.unwrap().unwrap();
    assert_eq!(job.name(), POST_JOB);
    assert_eq!(*job.data(), world.view(ready).await.payload);
    assert_eq!(job.opts().attempts, Some(7));
    let backoff = job.opts().backoff.as_ref();
    assert!(
        matches!(backoff, Some(BackoffStrategy::Exponential(2_000))),
        "{backoff:?}"
    );
    assert!(queue.get_job(&later.to_string()).await.unwrap().is_none());
}

/// However many wait there already.
#[tokio::test]
async fn urgent_jobs_go_before_all_that_wait_in_redis() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let relay = world.relay(&redis.bull(), quick());
    world.add_many(30).await;
    assert_eq!(relay.relay_once(POST_QUEUE).await.unwrap(), 30);
    let mut urgent = Vec::new();
    for _ in 0..3 {
        urgent.push(world.add_urgent().await);
    }
    // Their owners have the same turn.
    urgent.sort();
    let last = world.add().await;
    assert_eq!(relay.relay_once(POST_QUEUE).await.unwrap(), 4);
    let queue = redis.queue(POST_QUEUE).await;
    let waiting = queue.get_waiting(0, -1).await.unwrap();
    let waiting: Vec<JobId> = waiting
        .iter()
        .map(|job| job.id().parse().unwrap())
        .collect();
    assert_eq!(waiting[..3], urgent);
    assert_eq!(waiting[33], last);
}

/// Node's pauses double without bound: it gives up when ours would have, not a lifetime later.
#[tokio::test]
async fn node_gives_a_real_job_up_after_three_days() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let payload = ModerateImage {
        key: MediaKey(UploadId(world.env.new_id())),
        upload_type: UploadType::HeaderImage,
        user_id: AccountId(world.env.new_id()),
    };
    let id = JobId(world.env.new_id());
    let job = NewJob::moderate_image(id, &payload, None, world.env.now());
    world.queue.add(&job).await.unwrap();
    let relay = world.relay(&redis.bull(), quick());
    assert_eq!(relay.relay_once(IMAGE_QUEUE).await.unwrap(), 1);
    let queue = redis.queue(IMAGE_QUEUE).await;
    let there = queue.get_job(&id.to_string()).await.unwrap().unwrap();
    let Some(BackoffStrategy::Exponential(first)) = there.opts().backoff else {
        panic!("{:?}", there.opts().backoff);
    };
    let pauses = (1..there.opts().attempts.unwrap()).map(|attempt| first << (attempt - 1));
    let whole = Duration::from_millis(pauses.sum());
    let days = Duration::from_hours(72)..Duration::from_hours(96);
    assert!(days.contains(&whole), "{whole:?}");
}

#[tokio::test]
async fn the_window_bounds_what_is_in_redis_and_failing_jobs_keep_nothing_back() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    world.add_many(5).await;
    let mut settings = quick();
    settings.window = 3;
    let bull = redis.bull();
    let relay = world.relay(&bull, settings.clone());
    assert_eq!(relay.relay_once(POST_QUEUE).await.unwrap(), 3);
    assert_eq!(relay.relay_once(POST_QUEUE).await.unwrap(), 0, "it is full");

    let job = TestJob::new(|_| async {
        Ok(sluicegate_worker::Outcome::Retry {
            error: "down".to_owned(),
            after: Some(Duration::from_hours(1)),
        })
    });
    let running = world.work(&bull, &job, settings);
    until("three failed", async || job.runs() == 3).await;
    let delayed = async || {
        redis
            .queue(POST_QUEUE)
            .await
            .get_delayed_count()
            .await
            .unwrap()
            == 3
    };
    until("they wait in Redis", delayed).await;
    assert_eq!(
        relay.relay_once(POST_QUEUE).await.unwrap(),
        2,
        "their turn has come"
    );
    running.stop().await;
}

#[tokio::test]
async fn numbers_and_age_mean_the_same_wherever_jobs_wait() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let first = world.add().await;
    let bull = redis.bull();
    let relay = world.relay(&bull, quick());
    assert_eq!(relay.relay_once(POST_QUEUE).await.unwrap(), 1);
    world.add().await;
    let stats = world
        .queue
        .stats(POST_QUEUE, world.env.now())
        .await
        .unwrap();
    let since = world.view(first).await.run_at;
    assert_eq!((stats.ready, stats.oldest_ready), (2, Some(since)));
    // BullMQ itself tells no age; what waits there is asked, so that jobs without a row count.
    assert_eq!(bull.oldest_waiting(POST_QUEUE).await.unwrap(), Some(since));
    assert_eq!(bull.oldest_waiting("media-purge").await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_may_drop_jobs_gets_none() {
    let redis = redis_or_skip!("--maxmemory-policy", "allkeys-lru");
    let world = World::new().await;
    let job = world.add().await;
    let bull = redis.bull();
    let facts = bull.inspect().await.unwrap();
    assert!(facts[0].check().is_err(), "{facts:?}");
    assert!(facts[0].append_only);
    let refused = world.relay(&bull, quick()).relay_once(POST_QUEUE).await;
    let error = refused.unwrap_err();
    assert!(matches!(error, BullError::Unfit { .. }), "{error}");
    assert!(error.to_string().contains("allkeys-lru"), "{error}");
    assert_eq!(world.view(job).await.state, JobState::Ready);

    // Set right, it is used without a restart of ours.
    let done = TestJob::done();
    let running = world.run(&bull, &done, quick());
    redis
        .ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await
        .unwrap();
    world.until_state(job, JobState::Done).await;
    running.stop().await;
}

#[tokio::test]
async fn a_replayed_job_replaces_its_older_round() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let (bull, job) = (
        redis.bull(),
        TestJob::new(|job| async move {
            Ok(if job.lease.attempt == 1 {
                sluicegate_worker::Outcome::Fail {
                    error: "never".to_owned(),
                }
            } else {
                sluicegate_worker::Outcome::Done
            })
        }),
    );
    let id = world.add().await;
    let running = world.run(&bull, &job, quick());
    world.until_state(id, JobState::Dead).await;
    let queue = redis.queue(POST_QUEUE).await;
    let there = async |state| queue.get_job_state(&id.to_string()).await.unwrap() == state;
    until("Redis knows", async || there(There::Failed).await).await;
    assert!(world.queue.replay(id, world.env.now()).await.unwrap());
    world.until_state(id, JobState::Done).await;
    until("Redis knows", async || there(There::Completed).await).await;
    running.stop().await;
}
