//! Redis empties, dies and comes back; workers die.

use std::cell::Cell;
use std::time::Duration;

use sluicegate_conformance::notes::measured;
use sluicegate_core::job::{JobState, POST_QUEUE};
use sluicegate_worker::Outcome;
use tokio::time::Instant;

use crate::support::{Asked, TestJob, World, quick, redis_or_skip, until};

#[tokio::test]
async fn an_emptied_redis_delays_and_loses_nothing() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let jobs = world.add_many(2_000).await;
    let bull = redis.bull();
    let mut settings = quick();
    settings.window = 800;
    // Found by the mark that is missing, long before each row's turn.
    settings.check_after = Duration::from_mins(10);
    let relay = world.relay(&bull, settings.clone());
    while relay.relay_once(POST_QUEUE).await.unwrap() > 0 {}
    let job = TestJob::done();
    let reconciler = world.reconciler(&bull, &job, settings.clone());
    reconciler.compare(POST_QUEUE).await.unwrap();
    assert_eq!(
        redis
            .queue(POST_QUEUE)
            .await
            .get_waiting_count()
            .await
            .unwrap(),
        800
    );

    redis.ask(&["FLUSHALL"]).await.unwrap();
    let since = Instant::now();
    let running = world.run(&bull, &job, settings);
    // What was in Redis is found in one look, so the first are done as soon as they are handed over again.
    until("the first are done", async || job.runs() >= 100).await;
    let first = since.elapsed();
    assert!(first < Duration::from_secs(20), "{first:?}");
    world.until_all_done(&jobs).await;
    let took = since.elapsed();
    measured(&format!(
        "FLUSHALL with 2,000 jobs outstanding, 800 of them in Redis: the first hundred done {:.1} s after it, all {:.1} s, each once",
        first.as_secs_f64(),
        took.as_secs_f64()
    ));
    assert!(took < Duration::from_mins(2), "{took:?}");
    running.stop().await;
    assert_eq!((job.runs(), job.most_runs()), (2_000, 1));
}

#[tokio::test]
async fn an_emptied_redis_under_load_loses_nothing() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let jobs = world.add_many(200).await;
    let job = TestJob::new(|_| async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(Outcome::Done)
    });
    let running = world.run(&redis.bull(), &job, quick());
    until("some are done", async || job.runs() > 20).await;
    redis.ask(&["FLUSHALL"]).await.unwrap();
    world.until_all_done(&jobs).await;
    running.stop().await;
}

#[tokio::test]
async fn a_redis_that_was_killed_is_used_again_when_it_is_back() {
    let mut redis = redis_or_skip!();
    let world = World::new().await;
    let job = TestJob::done();
    let running = world.run(&redis.bull(), &job, quick());
    let before = world.add_many(10).await;
    world.until_all_done(&before).await;

    redis.kill().await;
    let meanwhile = world.add_many(20).await;
    // Long enough for every loop to have met it.
    let looked = Instant::now();
    until("some time has passed", async || {
        looked.elapsed() > Duration::from_secs(3)
    })
    .await;
    for id in &meanwhile {
        assert_eq!(
            world.view(*id).await.state,
            JobState::Ready,
            "it waits in the table"
        );
    }
    redis.start_again().await;
    let since = Instant::now();
    world.until_all_done(&meanwhile).await;
    let took = since.elapsed();
    measured(&format!(
        "Redis killed, and back with its file: the 20 jobs that were added meanwhile done {:.1} s after it",
        took.as_secs_f64()
    ));
    // BullMQ by itself waits for a quarter of a minute.
    assert!(took < Duration::from_secs(10), "{took:?}");
    let after = world.add().await;
    world.until_state(after, JobState::Done).await;
    running.stop().await;
    assert_eq!(job.most_runs(), 1);
}

#[tokio::test]
async fn what_begins_without_a_redis_begins_to_work_when_there_is_one() {
    let mut redis = redis_or_skip!();
    redis.kill().await;
    let world = World::new().await;
    let id = world.add().await;
    let job = TestJob::done();
    let running = world.run(&redis.bull(), &job, quick());
    redis.start_again().await;
    world.until_state(id, JobState::Done).await;
    running.stop().await;
}

#[tokio::test]
async fn a_worker_that_dies_leaves_its_job_to_the_next() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let bull = redis.bull();
    let stuck = TestJob::new(|_| std::future::pending());
    let id = world.add().await;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let hands = {
        let _in = runtime.enter();
        world.hands(&stuck, &quick())
    };
    let workers = world.workers(&redis.bull(), hands, quick());
    runtime.spawn(async move {
        workers
            .run(
                &[(POST_QUEUE, 1)],
                tokio_util::sync::CancellationToken::new(),
            )
            .await;
    });
    world
        .relay(&bull, quick())
        .relay_once(POST_QUEUE)
        .await
        .unwrap();
    until("it is tried", async || stuck.runs() == 1).await;
    runtime.shutdown_background();

    let job = TestJob::done();
    let since = Instant::now();
    let running = world.run(&bull, &job, quick());
    let done = world.until_state(id, JobState::Done).await;
    let took = since.elapsed();
    measured(&format!(
        "a worker on Redis died over a job (lock of 2 s, 30 by default): taken over after {:.1} s",
        took.as_secs_f64()
    ));
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!((done.attempts, job.runs()), (2, 1));
    running.stop().await;
}

/// Redis has the jobs, and no row says so. Workers may be at them before the next relay is.
#[tokio::test]
async fn what_a_dead_relay_had_not_confirmed_runs_once() {
    let redis = redis_or_skip!();
    let mut world = World::new().await;
    let dying = Asked::new(world.rows.clone());
    let sound = std::mem::replace(&mut world.rows, dying.clone());
    let bull = redis.bull();
    let (early, job) = (world.add_many(50).await, TestJob::done());
    dying.let_relays_die();
    let relay = world.relay(&bull, quick());
    relay.relay_once(POST_QUEUE).await.unwrap_err();
    let there = redis.queue(POST_QUEUE).await;
    assert_eq!(there.get_waiting_count().await.unwrap(), 50);
    for id in &early {
        assert_eq!(world.view(*id).await.state, JobState::Ready);
    }

    // The next relay hands all of them over once more.
    world.rows = sound;
    let (next, relayed) = (world.relay(&bull, quick()), Cell::new(0));
    // The rows are free once the dead one's connection is back.
    until("the next relay has them", async || {
        relayed.set(relayed.get() + next.relay_once(POST_QUEUE).await.unwrap());
        relayed.get() == 50
    })
    .await;
    assert_eq!(there.get_waiting_count().await.unwrap(), 50, "each id once");
    // Of others it dies over, too, and nobody comes after it before workers do.
    let late = world.add_many(50).await;
    relay.relay_once(POST_QUEUE).await.unwrap_err();
    let workers = world.work(&bull, &job, quick());
    world.until_all_done(&early).await;
    world.until_all_done(&late).await;
    workers.stop().await;
    let running = world.run(&bull, &job, quick());
    let last = world.add().await;
    world.until_state(last, JobState::Done).await;
    running.stop().await;
    assert_eq!((job.runs(), job.most_runs()), (101, 1));
}
