use std::sync::Arc;

use sluicegate_core::fair::Bounds;
use sluicegate_core::job::NewJob;
use tokio::task::JoinSet;

use super::{Begins, job, somebody};
use crate::stores::at;

fn keyed(queue: &'static str) -> NewJob {
    NewJob {
        dedup_key: Some("the same".to_owned()),
        ..job(queue, somebody())
    }
}

/// While a job is not over, another with its key is not written, and the first one's id is the answer; then it is. Whoever adds
/// many at once gets one. Keys of other queues are others.
pub async fn writes_one_job_of_a_key(by: &Arc<dyn Begins>) {
    let queue = "writes_one_job_of_a_key";
    let mut writers = JoinSet::new();
    for _ in 0..8 {
        let by = by.clone();
        writers.spawn(async move { by.jobs().add(&keyed(queue)).await.unwrap() });
    }
    let mut ids = writers.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1, "all were told of the same");
    let first = *ids.first().unwrap();

    let again = keyed(queue);
    let begun = by.begin(queue, 9, Bounds::NONE, at(1)).await;
    assert_eq!(begun.len(), 1);
    let lease = begun.first().unwrap().lease;
    assert_eq!(by.jobs().add(&again).await.unwrap(), first, "it runs");
    by.jobs().retry(&lease, at(5), "down", at(2)).await.unwrap();
    assert_eq!(by.jobs().add(&again).await.unwrap(), first, "it waits");
    assert_eq!(by.jobs().job(again.id).await.unwrap(), None);

    let elsewhere = keyed("writes_one_job_of_a_key/other");
    assert_eq!(by.jobs().add(&elsewhere).await.unwrap(), elsewhere.id);
    let unkeyed = job(queue, somebody());
    assert_eq!(by.jobs().add(&unkeyed).await.unwrap(), unkeyed.id);
}

/// Once it is over another is written, whatever became of it; and a dead one is not brought back beside that.
pub async fn replays_no_second_job_of_a_key(by: &Arc<dyn Begins>) {
    let queue = "replays_no_second_job_of_a_key";
    let jobs = by.jobs();
    let mut last = None;
    for done in [false, true] {
        let job = keyed(queue);
        assert_eq!(jobs.add(&job).await.unwrap(), job.id);
        assert_eq!(jobs.add(&job).await.unwrap(), job.id, "it is known");
        let begun = by.begin(queue, 9, Bounds::NONE, at(1)).await;
        let lease = begun.first().unwrap().lease;
        assert_eq!((begun.len(), lease.job), (1, job.id));
        if done {
            let dead = last.unwrap();
            assert!(!jobs.replay(dead, at(2)).await.unwrap(), "one is open");
            jobs.settle(&lease, at(2)).await.unwrap();
            assert!(jobs.replay(dead, at(3)).await.unwrap());
        } else {
            jobs.bury(&lease, "broken", at(2)).await.unwrap();
            last = Some(job.id);
        }
    }
}
