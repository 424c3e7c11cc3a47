use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sluicegate_core::job::{JobState, POST_QUEUE};
use sluicegate_core::wake::Wake;
use sluicegate_worker::{Outcome, RunnerSettings};
use tokio::sync::Notify;

use crate::support::{TestJob, World, test_job, until};

/// Tells that it was dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A job that never ends by itself, and the sign that it was stopped.
fn endless() -> (Arc<TestJob>, Arc<AtomicBool>) {
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = stopped.clone();
    let job = TestJob::new(move |_| {
        let dropped = Dropped(flag.clone());
        async move {
            let _dropped = dropped;
            std::future::pending().await
        }
    });
    (job, stopped)
}

#[tokio::test]
async fn a_dead_workers_job_is_taken_over() {
    let world = World::in_real_time().await;
    let (job, stopped) = endless();
    let doomed = world.run(job.clone());
    let new = test_job(&world.env, 5);
    world.queue.add(&new).await.unwrap();
    until("it runs", || async { job.runs() == 1 }).await;
    doomed.kill().await;
    until("nothing of it is left", || async {
        stopped.load(Ordering::SeqCst)
    })
    .await;
    assert_eq!(world.job(new.id).await.state, JobState::Running);

    let running = world.run(TestJob::new(|_| async { Ok(Outcome::Done) }));
    let done = world.until_job(new.id, JobState::Done).await;
    assert_eq!(done.attempts, 2);
    running.stop().await;
}

#[tokio::test]
async fn a_long_job_keeps_its_lease() {
    let world = World::in_real_time().await;
    let go = Arc::new(Notify::new());
    let job = {
        let go = go.clone();
        TestJob::new(move |_| {
            let go = go.clone();
            async move {
                go.notified().await;
                Ok(Outcome::Done)
            }
        })
    };
    let running = world.run(job.clone());
    let new = test_job(&world.env, 5);
    world.queue.add(&new).await.unwrap();
    until("it runs", || async { job.runs() == 1 }).await;
    let begun = Instant::now();
    until("three leases would have ended", || async {
        assert_eq!(world.claim(Duration::ZERO).await, [], "nobody else gets it");
        begun.elapsed() > World::settings().lease * 3
    })
    .await;
    go.notify_one();
    let done = world.until_job(new.id, JobState::Done).await;
    assert_eq!((done.attempts, job.runs()), (1, 1));
    running.stop().await;
}

#[tokio::test]
async fn a_lost_lease_stops_the_job() {
    let world = World::new().await;
    let (job, stopped) = endless();
    let running = world.run(job.clone());
    let new = test_job(&world.env, 5);
    world.queue.add(&new).await.unwrap();
    until("it runs", || async { job.runs() == 1 }).await;
    let stolen = world.claim(Duration::from_mins(1)).await;
    assert_eq!(stolen.len(), 1);
    until("it was stopped", || async {
        stopped.load(Ordering::SeqCst)
    })
    .await;
    let rivals = world.job(new.id).await;
    assert_eq!(
        (rivals.state, rivals.attempts, rivals.last_error),
        (JobState::Running, 2, None)
    );
    world
        .queue
        .settle(&stolen[0].lease, world.env.now())
        .await
        .unwrap();
    running.stop().await;
    assert_eq!(job.runs(), 1);
}

#[tokio::test]
async fn a_worker_that_stops_gives_back_what_it_cannot_finish() {
    let world = World::new().await;
    let (job, stopped) = endless();
    let drain = Duration::from_millis(50);
    let running = world.run_with(
        job.clone(),
        RunnerSettings {
            drain,
            ..World::settings()
        },
    );
    let new = test_job(&world.env, 1);
    world.queue.add(&new).await.unwrap();
    until("it runs", || async { job.runs() == 1 }).await;
    running.stop().await;
    assert!(stopped.load(Ordering::SeqCst));
    let back = world.job(new.id).await;
    assert_eq!((back.state, back.last_error), (JobState::Ready, None));

    // Its only attempt was not used up.
    let running = world.run(TestJob::new(|_| async { Ok(Outcome::Done) }));
    world.until_job(new.id, JobState::Done).await;
    running.stop().await;
}

#[tokio::test]
async fn a_worker_that_stops_finishes_what_it_can_and_begins_nothing() {
    let world = World::new().await;
    let go = Arc::new(Notify::new());
    let job = {
        let go = go.clone();
        TestJob::new(move |_| {
            let go = go.clone();
            async move {
                go.notified().await;
                Ok(Outcome::Done)
            }
        })
    };
    let running = world.run(job.clone());
    let first = test_job(&world.env, 5);
    world.queue.add(&first).await.unwrap();
    until("it runs", || async { job.runs() == 1 }).await;
    let stopping = tokio::spawn(running.stop());
    // On one thread: it has been told before this goes on. There is a free slot, too.
    tokio::task::yield_now().await;
    let late = test_job(&world.env, 5);
    world.queue.add(&late).await.unwrap();
    world.context.waker.wake(Wake::Jobs(POST_QUEUE));
    go.notify_one();
    stopping.await.unwrap();
    assert_eq!(world.job(first.id).await.state, JobState::Done);
    assert_eq!(
        (world.job(late.id).await.state, job.runs()),
        (JobState::Ready, 1)
    );
}
