//! Jobs that a Node producer adds without a row.

use bullmq::types::JobState as There;
use serde_json::json;
use sluicegate_core::job::{JobState, POST_QUEUE, foreign_id};
use sluicegate_worker::Outcome;
use std::time::Duration;

use crate::support::{TestJob, World, quick, redis_or_skip, until};

#[tokio::test]
async fn a_job_without_a_row_gets_one_and_runs() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let (user, post) = (world.account().await, world.env.new_id());
    let data = json!({ "postId": post, "userId": user });
    let job = TestJob::new(|job| async move {
        Ok(if job.lease.attempt == 1 {
            Outcome::Retry {
                error: "down".to_owned(),
                after: Some(Duration::from_millis(100)),
            }
        } else {
            Outcome::Done
        })
    });
    redis.add(POST_QUEUE, "from-node", data.clone()).await;
    let running = world.run(&redis.bull(), &job, quick());
    let queue = redis.queue(POST_QUEUE).await;
    let there = async || queue.get_job_state("from-node").await.unwrap();
    until("it is completed there", async || {
        there().await == There::Completed
    })
    .await;
    running.stop().await;
    let row = world.view(foreign_id(POST_QUEUE, "from-node")).await;
    assert_eq!(
        (row.state, row.attempts, row.owner),
        (JobState::Done, 2, user)
    );
    assert_eq!((row.payload, row.max_attempts), (data, 3));
}

#[tokio::test]
async fn what_is_wrong_fails_at_once_and_says_why() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let user = world.account().await;
    let nobody = world.env.new_id();
    redis
        .add(POST_QUEUE, "no-payload", json!({ "postId": 7 }))
        .await;
    redis
        .add(
            POST_QUEUE,
            "no-account",
            json!({ "postId": nobody, "userId": nobody }),
        )
        .await;
    // The right payload in a queue that has no such job.
    redis
        .add(
            "maintenance",
            "no-such-job",
            json!({ "postId": nobody, "userId": user }),
        )
        .await;
    let job = TestJob::done();
    let bull = redis.bull();
    let hands = world.hands(&job, &quick());
    let mut running = world.work_with(&bull, hands.clone(), quick());
    let workers = world.workers(&bull, hands, quick());
    let shutdown = tokio_util::sync::CancellationToken::new();
    let stop = shutdown.clone();
    running.add(async move { workers.run(&[("maintenance", 1)], shutdown).await });
    for (queue, id, why) in [
        (POST_QUEUE, "no-payload", "the payload is wrong"),
        (POST_QUEUE, "no-account", "its account does not exist"),
        ("maintenance", "no-such-job", "no job is called"),
    ] {
        let queue = redis.queue(queue).await;
        let failed = async || queue.get_job_state(id).await.unwrap() == There::Failed;
        until("it failed", failed).await;
        let there = queue.get_job(id).await.unwrap().unwrap();
        assert!(
            there.failed_reason().contains(why),
            "{}",
            there.failed_reason()
        );
        assert_eq!(there.attempts_made(), 1, "no second attempt");
    }
    stop.cancel();
    running.stop().await;
    assert_eq!(job.runs(), 0);
}
