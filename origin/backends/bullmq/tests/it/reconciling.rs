//! What the reconciler finds.

use std::sync::Arc;
use std::time::Duration;

use bullmq::options::{RedisConnectionOptions, WorkerOptions};
use bullmq::{Error, Job, Worker};
use serde_json::Value;
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Clock;
use sluicegate_core::job::{IMAGE_QUEUE, JobState, POST_QUEUE};
use tokio_util::sync::CancellationToken;

use crate::support::{Asked, Log, Redis, TestJob, World, quick, redis_or_skip, until};

/// A worker that knows no rows, as those of Node are.
async fn stranger(redis: &Redis, succeeds: bool) -> Worker {
    let options = WorkerOptions::new()
        .connection(RedisConnectionOptions::new().url(redis.url()))
        .concurrency(4);
    let handler = move |_: Job, _: bullmq::worker::CancellationToken| async move {
        if succeeds {
            Ok(Value::Null)
        } else {
            Err(Error::Unrecoverable("a stranger says no".to_owned()))
        }
    };
    Worker::with_options(POST_QUEUE, handler, options)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_a_stranger_completed_is_done_and_what_he_gave_up_is_buried() {
    let redis = redis_or_skip!();
    for succeeds in [true, false] {
        let world = World::new().await;
        redis.ask(&["FLUSHALL"]).await.unwrap();
        let jobs = world.add_many(5).await;
        let bull = redis.bull();
        assert_eq!(
            world
                .relay(&bull, quick())
                .relay_once(POST_QUEUE)
                .await
                .unwrap(),
            5
        );
        let worker = stranger(&redis, succeeds).await;
        let queue = redis.queue(POST_QUEUE).await;
        let ended = async || {
            let counts = queue.get_job_counts().await.unwrap();
            counts.completed + counts.failed == 5
        };
        until("the stranger is through", ended).await;
        worker.close(5_000).await.unwrap();
        assert_eq!(world.view(jobs[0]).await.state, JobState::Relayed);

        let job = TestJob::done();
        let reconciler = world.reconciler(&bull, &job, quick());
        let state = if succeeds {
            JobState::Done
        } else {
            JobState::Dead
        };
        let settled = async || {
            reconciler.compare(POST_QUEUE).await.unwrap();
            world.view(jobs[4]).await.state == state
        };
        until("it was compared", settled).await;
        for id in &jobs {
            let view = world.view(*id).await;
            assert_eq!(view.state, state);
            if !succeeds {
                let error = view.last_error.unwrap();
                assert!(error.contains("a stranger says no"), "{error}");
            }
        }
        assert_eq!(
            (job.runs(), job.deaths()),
            (0, if succeeds { 0 } else { 5 })
        );
    }
}

#[tokio::test]
async fn what_a_stranger_ended_makes_room_at_once() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    // More than wait there at a time, and nothing is compared in turn.
    let jobs = world.add_many(60).await;
    let mut settings = quick();
    settings.check_after = Duration::from_hours(1);
    let bull = redis.bull();
    let job = TestJob::done();
    let worker = stranger(&redis, true).await;
    let stop = CancellationToken::new();
    let relay = world.relay(&bull, settings.clone());
    let reconciler = world.reconciler(&bull, &job, settings);
    let (relaying, comparing) = (stop.clone(), stop.clone());
    let both = tokio::spawn(async move {
        tokio::join!(
            relay.run(&[POST_QUEUE], relaying),
            reconciler.run(&[IMAGE_QUEUE, POST_QUEUE], comparing)
        )
    });
    world.until_all_done(&jobs).await;
    stop.cancel();
    both.await.unwrap();
    worker.close(5_000).await.unwrap();
    assert_eq!(job.runs(), 0, "the stranger did them all");
}

/// More than are read at once, most of them of others, or in one millisecond.
#[tokio::test]
async fn what_ended_is_found_among_any_number() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let jobs = world.add_many(3).await;
    let (bull, mut settings) = (redis.bull(), quick());
    settings.check_after = Duration::from_hours(1);
    let relay = world.relay(&bull, settings.clone());
    assert_eq!(relay.relay_once(POST_QUEUE).await.unwrap(), 3);
    let job = TestJob::done();
    let reconciler = world.reconciler(&bull, &job, settings);
    // Its mark is set: from here on rows are compared only if they are named.
    reconciler.compare(POST_QUEUE).await.unwrap();
    let ids = |number| (0..number).map(|_| JobId(world.env.new_id()));
    let ended = ids(999)
        .chain([jobs[0]])
        .chain([jobs[1]])
        .chain(ids(1_500))
        .chain([jobs[2]]);
    let later = world.env.now().unix_ms() + 60_000;
    let mut call = vec!["ZADD".to_owned(), format!("bull:{POST_QUEUE}:completed")];
    for (number, id) in (0..).zip(ended) {
        // The second of ours ended with the first, which is the last of a page.
        let at = later + if number == 1_000 { 999 } else { number };
        call.extend([at.to_string(), id.to_string()]);
    }
    let words: Vec<&str> = call.iter().map(String::as_str).collect();
    redis.ask(&words).await.unwrap();
    reconciler.compare(POST_QUEUE).await.unwrap();
    for id in &jobs {
        assert_eq!(world.view(*id).await.state, JobState::Done);
    }
}

struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Redis is told of a job only when it was read that others ended, with it and after it.
#[tokio::test]
async fn what_ended_with_what_was_seen_is_seen_too() {
    let redis = redis_or_skip!();
    let mut world = World::new().await;
    let jobs = world.add_many(3).await;
    let now = world.env.now();
    world.env.clock = Arc::new(Still(now));
    let (bull, mut settings) = (redis.bull(), quick());
    settings.check_after = Duration::from_hours(1);
    let relay = world.relay(&bull, settings.clone());
    assert_eq!(relay.relay_once(POST_QUEUE).await.unwrap(), 3);
    let reconciler = world.reconciler(&bull, &TestJob::done(), settings);
    reconciler.compare(POST_QUEUE).await.unwrap();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let comparing = tokio::spawn(async move { reconciler.run(&[POST_QUEUE], stopped).await });
    for (id, ago) in jobs.into_iter().zip([0, 0, 249]) {
        let at = (now.unix_ms() - ago).to_string();
        let completed = format!("bull:{POST_QUEUE}:completed");
        let call = ["ZADD", &completed, &at, &id.to_string()];
        redis.ask(&call).await.unwrap();
        world.until_state(id, JobState::Done).await;
    }
    stop.cancel();
    comparing.await.unwrap();
}

/// The database fails just when it is told what ended.
#[tokio::test]
async fn what_ended_is_told_again_if_the_rows_did_not_hear_it() {
    let redis = redis_or_skip!();
    let log = Log::of_this_thread();
    let mut world = World::new().await;
    let rows = Asked::new(world.rows.clone());
    world.rows = rows.clone();
    let (bull, mut settings) = (redis.bull(), quick());
    settings.check_after = Duration::from_hours(1);
    let id = world.add().await;
    let relay = world.relay(&bull, settings.clone());
    assert_eq!(relay.relay_once(POST_QUEUE).await.unwrap(), 1);
    let reconciler = world.reconciler(&bull, &TestJob::done(), settings);
    reconciler.compare(POST_QUEUE).await.unwrap();
    rows.let_next_suspicion_fail();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let comparing = tokio::spawn(async move { reconciler.run(&[POST_QUEUE], stopped).await });
    let worker = stranger(&redis, true).await;
    world.until_state(id, JobState::Done).await;
    assert!(log.has("rows cannot be compared with Redis"));
    let told = async || log.has("rows are compared with Redis again");
    until("its end is told", told).await;
    stop.cancel();
    comparing.await.unwrap();
    worker.close(5_000).await.unwrap();
}

#[tokio::test]
async fn two_relays_and_two_reconcilers_do_nothing_twice() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let jobs = world.add_many(200).await;
    let job = TestJob::done();
    let mut settings = quick();
    settings.batch = 10;
    // Everything is compared all the time.
    settings.check_after = Duration::ZERO;
    let (one, two) = (
        world.run(&redis.bull(), &job, settings.clone()),
        world.run(&redis.bull(), &job, settings),
    );
    world.until_all_done(&jobs).await;
    one.stop().await;
    two.stop().await;
    assert_eq!((job.runs(), job.most_runs()), (200, 1));
}

#[tokio::test]
async fn jobs_that_wait_in_redis_are_left_there() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let id = world.add().await;
    let bull = redis.bull();
    world
        .relay(&bull, quick())
        .relay_once(POST_QUEUE)
        .await
        .unwrap();
    let mut settings = quick();
    settings.check_after = Duration::ZERO;
    let reconciler = world.reconciler(&bull, &TestJob::done(), settings);
    for _ in 0..3 {
        reconciler.compare(POST_QUEUE).await.unwrap();
    }
    assert_eq!(world.view(id).await.state, JobState::Relayed);
}
