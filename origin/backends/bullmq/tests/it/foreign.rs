//! Jobs that a Node producer adds without a row.

use bullmq::types::JobState as There;
use serde_json::json;
use sluicegate_core::job::{JobState, POST_QUEUE};
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
    let row = world.view(job.rows()[0]).await;
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

/// Its row is gone for good, and Redis still knows it: somebody who has it tried again there has nothing done.
#[tokio::test]
async fn a_discarded_job_is_not_taken_for_somebody_elses() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    // An account that exists: as somebody else's, the job could be done.
    let owner = world.account().await;
    let job = TestJob::new(|_| async {
        Ok(Outcome::Fail {
            error: "never".to_owned(),
        })
    });
    let running = world.run(&redis.bull(), &job, quick());
    let id = world.add_of(owner).await;
    world.until_state(id, JobState::Dead).await;
    let (queue, name) = (redis.queue(POST_QUEUE).await, id.to_string());
    let failed = async || queue.get_job_state(&name).await.unwrap() == There::Failed;
    until("Redis knows", failed).await;
    assert!(world.queue.discard(id).await.unwrap());

    let there = async || queue.get_job(&name).await.unwrap().unwrap();
    there().await.retry("failed", None).await.unwrap();
    let refused = async || there().await.failed_reason().contains("discarded");
    until("it is refused", refused).await;
    until("it has failed again", failed).await;
    running.stop().await;
    assert_eq!(job.runs(), 1);

    // A producer's own job may have such an id, too.
    let other = world.env.new_id();
    let data = json!({ "postId": other, "userId": owner });
    redis.add(POST_QUEUE, &other.to_string(), data).await;
    let done = TestJob::done();
    let running = world.run(&redis.bull(), &done, quick());
    until("it ran", async || done.runs() == 1).await;
    world.until_state(done.rows()[0], JobState::Done).await;
    running.stop().await;
}

/// Numbers begin anew where Redis was emptied, and producers that remove what is done may use an id again.
#[tokio::test]
async fn a_job_whose_id_another_had_before_is_done_too() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let user = world.account().await;
    let job = TestJob::done();
    let running = world.run(&redis.bull(), &job, quick());
    for number in 1..=3 {
        let data = json!({ "postId": world.env.new_id(), "userId": user });
        redis.add(POST_QUEUE, "again", data).await;
        until("it ran", async || job.runs() == number).await;
        assert_eq!(job.rows().len(), number, "each has a row of its own");
        let queue = redis.queue(POST_QUEUE).await;
        let there = async || queue.get_job_state("again").await.unwrap() == There::Completed;
        until("Redis knows", there).await;
        if number == 1 {
            redis.ask(&["FLUSHALL"]).await.unwrap();
        } else {
            queue.remove("again").await.unwrap();
        }
    }
    running.stop().await;
}
