use std::sync::Arc;

use sluicegate_core::job::JobState;
use sluicegate_worker::{Outcome, Registry};
use tokio::sync::Notify;

use crate::support::{FlakyQueue, TestJob, World, test_job, until};

#[tokio::test]
async fn a_database_that_is_down_is_waited_for() {
    let world = World::new().await;
    let flaky = Arc::new(FlakyQueue::new(world.queue.clone()));
    flaky.set_down(true);
    let job = TestJob::new(|_| async { Ok(Outcome::Done) });
    let registry = Registry::new(vec![job.clone()]);
    let running = world.start(flaky.clone(), registry, World::settings());
    let new = test_job(&world.env, 5);
    world.queue.add(&new).await.unwrap();
    until("it was asked in vain", || async { flaky.refused() >= 4 }).await;
    assert_eq!(job.runs(), 0);
    flaky.set_down(false);
    world.until_job(new.id, JobState::Done).await;
    running.stop().await;
}

#[tokio::test]
async fn a_result_is_told_once_the_database_is_back() {
    let world = World::new().await;
    let flaky = Arc::new(FlakyQueue::new(world.queue.clone()));
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
    let registry = Registry::new(vec![job.clone()]);
    let running = world.start(flaky.clone(), registry, World::settings());
    let new = test_job(&world.env, 5);
    world.queue.add(&new).await.unwrap();
    until("it runs", || async { job.runs() == 1 }).await;
    flaky.set_down(true);
    go.notify_one();
    until("it was told in vain", || async { flaky.refused() >= 1 }).await;
    flaky.set_down(false);
    world.until_job(new.id, JobState::Done).await;
    running.stop().await;
}

#[tokio::test]
async fn a_worker_that_cannot_keep_its_lease_stops_the_job() {
    let world = World::in_real_time().await;
    let flaky = Arc::new(FlakyQueue::new(world.queue.clone()));
    let attempts = Arc::new(());
    let job = {
        let attempts = attempts.clone();
        TestJob::new(move |_| {
            let attempt = attempts.clone();
            async move {
                std::future::pending::<()>().await;
                drop(attempt);
                Ok(Outcome::Done)
            }
        })
    };
    let registry = Registry::new(vec![job.clone()]);
    let running = world.start(flaky.clone(), registry, World::settings());
    world.queue.add(&test_job(&world.env, 5)).await.unwrap();
    until("it runs", || async { Arc::strong_count(&attempts) == 3 }).await;
    flaky.set_down(true);
    until("it was stopped", || async {
        Arc::strong_count(&attempts) == 2
    })
    .await;
    flaky.set_down(false);
    until("it is tried again", || async { job.runs() == 2 }).await;
    running.stop().await;
}
