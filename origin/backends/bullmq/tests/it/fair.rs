//! Whose turn it is, where Redis delivers. Floods: `floods.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use sluicegate_conformance::fair::{self, Begins};
use sluicegate_conformance::notes::measured;
use sluicegate_core::fair::{Rate, Rates};
use sluicegate_core::job::{JobState, POST_QUEUE};
use sluicegate_worker::Outcome;

use crate::support::{Asked, ByRedis, TestJob, World, quick, redis_or_skip, until};

#[tokio::test(flavor = "multi_thread")]
async fn bullmq_through_the_relay_is_fair() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let begins: Arc<dyn Begins> = Arc::new(ByRedis::new(redis.bull(), world));
    fair::run(&begins).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_is_not_worked_on_and_hands_nothing_over() {
    let redis = redis_or_skip!();
    let mut world = World::new().await;
    let asked = Asked::new(world.rows.clone());
    world.rows = asked.clone();
    let (bull, job) = (redis.bull(), TestJob::done());
    let handed_over = world.add().await;
    let relay = world.relay(&bull, quick());
    assert_eq!(relay.relay_once(POST_QUEUE).await.unwrap(), 1);
    let now = world.env.now();
    world.queue.pause(POST_QUEUE, true, now).await.unwrap();
    let here = world.add().await;
    let owner = world.account().await;
    let data = json!({ "postId": world.env.new_id(), "userId": owner });
    redis.add(POST_QUEUE, "from-node", data).await;

    let running = world.run(&bull, &job, quick());
    until("it is heeded", async || asked.told() >= 3).await;
    assert_eq!(job.runs(), 0);
    assert_eq!(world.view(handed_over).await.state, JobState::Relayed);
    assert_eq!(world.view(here).await.state, JobState::Ready);
    let there = redis.queue(POST_QUEUE).await;
    // A dashboard shows the jobs, and its own pause is another one.
    assert!(!there.is_paused().await.unwrap());
    let waiting = there.get_waiting_count().await.unwrap();
    let delayed = there.get_delayed_count().await.unwrap();
    assert_eq!(waiting + delayed, 2);

    world.queue.pause(POST_QUEUE, false, now).await.unwrap();
    world.until_all_done(&[handed_over, here]).await;
    until("the foreign one ran", async || job.runs() == 3).await;

    there.pause().await.unwrap();
    let later = world.add().await;
    world.until_state(later, JobState::Relayed).await;
    there.resume().await.unwrap();
    world.until_state(later, JobState::Done).await;
    running.stop().await;
}

/// However often it was delivered before, a job that the rate held back comes when it may.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_failed_often_waits_no_longer_for_its_rate() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let job = TestJob::new(|leased| async move {
        Ok(if leased.attempts_used < 9 {
            Outcome::Retry {
                error: "down".to_owned(),
                after: Some(Duration::from_millis(1)),
            }
        } else {
            Outcome::Done
        })
    });
    let mut settings = quick();
    settings.rates = Rates::new([(POST_QUEUE, Rate::per_minute(120))]);
    let id = world.add_with(9, Duration::ZERO).await;
    let began = Instant::now();
    let running = world.run(&redis.bull(), &job, settings);
    world.until_state(id, JobState::Done).await;
    let took = began.elapsed();
    measured(&format!(
        "Redis: nine attempts at a job of a queue with 120 a minute took {took:?}, of 2.5 s at best"
    ));
    assert!(took >= Duration::from_millis(2_400), "{took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_holds_for_jobs_that_begin_once_more() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let job = TestJob::new(|leased| async move {
        Ok(if leased.lease.attempt == 1 {
            Outcome::Retry {
                error: "down".to_owned(),
                after: Some(Duration::from_millis(1)),
            }
        } else {
            Outcome::Done
        })
    });
    let mut settings = quick();
    settings.rates = Rates::new([(POST_QUEUE, Rate::per_minute(120))]);
    let jobs = world.add_many(4).await;
    let began = Instant::now();
    let running = world.run(&redis.bull(), &job, settings);
    world.until_all_done(&jobs).await;
    // Eight begin: four at once, one every half second after that.
    assert!(began.elapsed() >= Duration::from_millis(1_900));
    assert_eq!(job.runs(), 8);
    running.stop().await;
}
