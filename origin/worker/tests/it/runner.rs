use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sluicegate_core::error::PortError;
use sluicegate_core::job::{JobState, POST_QUEUE};
use sluicegate_core::wake::Wake;
use sluicegate_worker::{Outcome, RunnerSettings};
use tokio::sync::Semaphore;

use crate::support::{TestJob, World, test_job, until};

#[tokio::test]
async fn a_panic_is_a_failed_attempt_and_the_worker_goes_on() {
    let world = World::new().await;
    let job = TestJob::new(|job| async move {
        assert!(job.lease.attempt > 1, "the first attempt goes wrong");
        Ok(Outcome::Done)
    });
    let running = world.run(job.clone());
    let first = test_job(&world.env, 5);
    world.queue.add(&first).await.unwrap();
    let failed = world.until_failed(first.id).await;
    assert_eq!(
        failed.last_error.as_deref(),
        Some("panicked: the first attempt goes wrong")
    );
    assert!(failed.run_at > world.env.now(), "with a pause");
    world.clock.put_forward(Duration::from_secs(10));
    let done = world.until_job(first.id, JobState::Done).await;
    assert_eq!(done.attempts, 2);
    running.stop().await;
}

#[tokio::test]
async fn what_keeps_failing_is_dead_and_can_be_replayed() {
    let world = World::new().await;
    let job = TestJob::new(|_| async { Err(PortError::unavailable("thing", "down").into()) });
    let running = world.run(job.clone());
    let new = test_job(&world.env, 3);
    world.queue.add(&new).await.unwrap();
    for attempt in 1..=3 {
        until("it was tried", || async { job.runs() == attempt }).await;
        if attempt < 3 {
            world.until_failed(new.id).await;
            world.clock.put_forward(Duration::from_hours(2));
        }
    }
    let dead = world.until_job(new.id, JobState::Dead).await;
    assert_eq!(
        dead.last_error.as_deref(),
        Some("thing is unavailable: down")
    );
    until("its death was told", || async { job.deaths() == 1 }).await;

    assert!(world.queue.replay(new.id, world.env.now()).await.unwrap());
    until("it was tried again", || async { job.runs() == 4 }).await;
    running.stop().await;
    assert_eq!(job.deaths(), 1);
}

#[tokio::test]
async fn what_cannot_succeed_is_dead_at_once() {
    let world = World::new().await;
    let job = TestJob::new(|_| async {
        Ok(Outcome::Fail {
            error: "never".to_owned(),
        })
    });
    let running = world.run(job.clone());
    let known = test_job(&world.env, 5);
    world.queue.add(&known).await.unwrap();
    let dead = world.until_job(known.id, JobState::Dead).await;
    assert_eq!(
        (dead.attempts, dead.last_error.as_deref()),
        (1, Some("never"))
    );
    running.stop().await;
    assert_eq!((job.runs(), job.deaths()), (1, 1));
}

/// While programs are replaced, an old worker may find a new one's job.
#[tokio::test]
async fn a_job_that_nobody_knows_here_waits_for_a_worker_that_does() {
    let world = World::new().await;
    let running = world.run(TestJob::new(|_| async { Ok(Outcome::Done) }));
    let mut unknown = test_job(&world.env, 5);
    unknown.name = "no-such-job";
    world.queue.add(&unknown).await.unwrap();
    until("it was tried", || async {
        let seen = world.queue.job(unknown.id).await.unwrap().unwrap();
        seen.last_error.is_some()
    })
    .await;
    running.stop().await;
    let seen = world.queue.job(unknown.id).await.unwrap().unwrap();
    assert_eq!(seen.state, JobState::Ready);
    assert!(seen.last_error.unwrap().contains("no-such-job"));
}

#[tokio::test]
async fn a_job_may_name_its_pause() {
    let world = World::new().await;
    let pause = Duration::from_mins(30);
    let job = TestJob::new(move |_| async move {
        Ok(Outcome::Retry {
            error: "later".to_owned(),
            after: Some(pause),
        })
    });
    let running = world.run(job);
    let new = test_job(&world.env, 5);
    world.queue.add(&new).await.unwrap();
    let failed = world.until_failed(new.id).await;
    let left = failed.run_at.since(world.env.now());
    assert!(left > pause.mul_f64(0.9) && left <= pause, "{left:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_job_that_takes_too_long_is_stopped() {
    let world = World::new().await;
    let job = TestJob::new(|_| std::future::pending());
    let limit = Duration::from_millis(100);
    let running = world.run_with(
        job,
        RunnerSettings {
            job_limit: limit,
            ..World::settings()
        },
    );
    let new = test_job(&world.env, 5);
    world.queue.add(&new).await.unwrap();
    let failed = world.until_failed(new.id).await;
    assert_eq!(failed.last_error.as_deref(), Some("took longer than 100ms"));
    running.stop().await;
}

#[tokio::test]
async fn no_more_run_at_once_than_allowed_and_all_run() {
    let world = World::new().await;
    let gate = Arc::new(Semaphore::new(0));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let job = {
        let (gate, now, most) = (gate.clone(), now.clone(), most.clone());
        TestJob::new(move |_| {
            let (gate, now, most) = (gate.clone(), now.clone(), most.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(Outcome::Done)
            }
        })
    };
    let jobs: Vec<_> = (0..6).map(|_| test_job(&world.env, 5)).collect();
    for job in &jobs {
        world.queue.add(job).await.unwrap();
    }
    let running = world.run(job.clone());
    until("two run", || async { now.load(Ordering::SeqCst) == 2 }).await;
    gate.add_permits(jobs.len());
    for job in &jobs {
        world.until_job(job.id, JobState::Done).await;
    }
    running.stop().await;
    assert_eq!((most.load(Ordering::SeqCst), job.runs()), (2, 6));
}

#[tokio::test]
async fn a_hint_is_faster_than_the_next_poll() {
    let world = World::new().await;
    let job = TestJob::new(|_| async { Ok(Outcome::Done) });
    let hour = Duration::from_hours(1);
    let running = world.run_with(
        job.clone(),
        RunnerSettings {
            poll_min: hour,
            poll_max: hour,
            ..World::settings()
        },
    );
    // Hints before the runner listens are lost, so that they are repeated here.
    let begun = Instant::now();
    let new = test_job(&world.env, 5);
    world.queue.add(&new).await.unwrap();
    until("it ran", || async {
        world.context.waker.wake(Wake::Jobs(POST_QUEUE));
        job.runs() == 1
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(15));
    world.until_job(new.id, JobState::Done).await;
    running.stop().await;
}
