use std::collections::HashSet;
use std::sync::Arc;

use sluicegate_core::job::JobState;
use sluicegate_core::ports::{JobQueue, QueueStats};

use super::{add, claim, claim_one, new_job, state};
use crate::stores::at;

/// A leased job carries all that was added.
pub async fn gives_back_what_was_added(jobs: &Arc<dyn JobQueue>) {
    let queue = "gives_back_what_was_added";
    let job = add(jobs, queue).await;
    let claimed = claim(jobs, queue, 1, at(0)).await;
    let leased = claimed.first().unwrap();
    assert_eq!(leased.lease.job, job.id);
    assert_eq!(leased.lease.attempt, 1);
    assert_eq!(
        (leased.queue.as_str(), leased.name.as_str()),
        (job.queue, job.name)
    );
    assert_eq!(leased.payload, job.payload);
    assert_eq!(
        (leased.owner, leased.max_attempts),
        (job.owner, job.max_attempts)
    );
    assert_eq!(
        (&leased.traceparent, leased.created_at),
        (&job.traceparent, job.created_at)
    );
    let view = jobs.job(job.id).await.unwrap().unwrap();
    assert_eq!(
        (view.state, view.attempts, view.run_at),
        (JobState::Running, 1, job.run_at)
    );
    assert_eq!(jobs.job(new_job(queue, at(0)).id).await.unwrap(), None);
}

/// Adding a job again changes nothing, whatever has become of it.
pub async fn adds_once(jobs: &Arc<dyn JobQueue>) {
    let queue = "adds_once";
    let job = add(jobs, queue).await;
    jobs.add(&job).await.unwrap();
    let lease = claim_one(jobs, queue, at(0)).await;
    jobs.add(&job).await.unwrap();
    jobs.settle(&lease, at(1)).await.unwrap();
    jobs.add(&job).await.unwrap();
    assert_eq!(state(jobs, job.id).await, JobState::Done);
    assert!(claim(jobs, queue, 10, at(1_000)).await.is_empty());
}

/// `run_at` is a floor.
pub async fn holds_jobs_until_their_time(jobs: &Arc<dyn JobQueue>) {
    let queue = "holds_jobs_until_their_time";
    jobs.add(&new_job(queue, at(60))).await.unwrap();
    assert!(claim(jobs, queue, 10, at(59)).await.is_empty());
    claim_one(jobs, queue, at(60)).await;
}

/// A claim takes at most its limit, the oldest first, and what is left stays.
pub async fn claims_no_more_than_asked(jobs: &Arc<dyn JobQueue>) {
    let queue = "claims_no_more_than_asked";
    for seconds in (0..5).rev() {
        jobs.add(&new_job(queue, at(seconds))).await.unwrap();
    }
    let first = claim(jobs, queue, 3, at(10)).await;
    let rest = claim(jobs, queue, 10, at(10)).await;
    assert_eq!((first.len(), rest.len()), (3, 2));
    let ids: HashSet<_> = first
        .iter()
        .chain(&rest)
        .map(|leased| leased.lease.job)
        .collect();
    assert_eq!(ids.len(), 5);
    assert!(claim(jobs, queue, 0, at(10)).await.is_empty());
}

/// A worker gets the jobs of the queue that it names.
pub async fn keeps_queues_apart(jobs: &Arc<dyn JobQueue>) {
    add(jobs, "keeps_queues_apart/other").await;
    assert!(
        claim(jobs, "keeps_queues_apart", 10, at(0))
            .await
            .is_empty()
    );
}

/// Counts by state, and since when the oldest job could run: its `run_at`, or the end of a lost lease.
pub async fn counts_how_it_stands(jobs: &Arc<dyn JobQueue>) {
    let queue = "counts_how_it_stands";
    assert_eq!(
        jobs.stats(queue, at(0)).await.unwrap(),
        QueueStats::default()
    );
    for seconds in [10, 20, 30, 900] {
        jobs.add(&new_job(queue, at(seconds))).await.unwrap();
    }
    let leases: Vec<_> = claim(jobs, queue, 2, at(20))
        .await
        .iter()
        .map(|job| job.lease)
        .collect();
    jobs.bury(leases.first().unwrap(), "broken", at(21))
        .await
        .unwrap();
    let stats = jobs.stats(queue, at(40)).await.unwrap();
    assert_eq!((stats.ready, stats.running, stats.dead), (2, 1, 1));
    assert_eq!(stats.oldest_ready, Some(at(30)));
    // At 50 the running job's lease has ended; the other job is still the older one.
    assert_eq!(
        jobs.stats(queue, at(60)).await.unwrap().oldest_ready,
        Some(at(30))
    );
    let oldest = claim(jobs, queue, 2, at(60)).await;
    assert_eq!(oldest.len(), 2, "the ready one and the lost one");
    assert_eq!(jobs.stats(queue, at(61)).await.unwrap().oldest_ready, None);
    assert_eq!(
        jobs.stats(queue, at(100)).await.unwrap().oldest_ready,
        Some(at(90))
    );
}
