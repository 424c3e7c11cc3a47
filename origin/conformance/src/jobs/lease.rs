use std::collections::HashSet;
use std::sync::Arc;

use sluicegate_core::job::{JobState, Lease};
use sluicegate_core::ports::JobQueue;
use tokio::task::JoinSet;

use super::{LEASE, add, assert_lost, claim, claim_one, state};
use crate::stores::at;

/// Of 32 claims at once none gets what another got, and together they get everything.
pub async fn never_gives_one_job_twice(jobs: &Arc<dyn JobQueue>) {
    let queue = "never_gives_one_job_twice";
    for _ in 0..100 {
        add(jobs, queue).await;
    }
    let mut workers = JoinSet::new();
    for _ in 0..32 {
        let jobs = jobs.clone();
        workers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = claim(&jobs, queue, 3, at(0)).await;
                if claimed.is_empty() {
                    return mine;
                }
                mine.extend(claimed.into_iter().map(|leased| leased.lease.job));
            }
        });
    }
    let claimed: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    let distinct: HashSet<_> = claimed.iter().copied().collect();
    assert_eq!(claimed.len(), distinct.len(), "a job was given twice");
    // A claim that finds only rows of others comes back empty, so single jobs may be left.
    let rest = claim(jobs, queue, 100, at(0)).await.len();
    assert_eq!(distinct.len() + rest, 100);
}

/// The job of a worker that was lost can be claimed when its lease has ended, and not before.
pub async fn takes_over_when_a_lease_has_ended(jobs: &Arc<dyn JobQueue>) {
    let queue = "takes_over_when_a_lease_has_ended";
    add(jobs, queue).await;
    let lost = claim_one(jobs, queue, at(0)).await;
    assert!(claim(jobs, queue, 10, at(29)).await.is_empty());
    let taken = claim_one(jobs, queue, at(30)).await;
    assert_eq!(taken.job, lost.job);
    assert!(taken.attempt > lost.attempt, "the fencing token must grow");
}

/// A heartbeat makes a lease hold longer; those that were lost are named.
pub async fn holds_leases_by_heartbeat(jobs: &Arc<dyn JobQueue>) {
    let queue = "holds_leases_by_heartbeat";
    add(jobs, queue).await;
    let old = claim_one(jobs, queue, at(0)).await;
    assert_eq!(jobs.heartbeat(&[old], LEASE, at(20)).await.unwrap(), []);
    assert!(claim(jobs, queue, 10, at(49)).await.is_empty());
    let taken = claim_one(jobs, queue, at(50)).await;
    assert_eq!(
        jobs.heartbeat(&[old, taken], LEASE, at(51)).await.unwrap(),
        [old]
    );
    jobs.settle(&taken, at(52)).await.unwrap();
    assert_eq!(
        jobs.heartbeat(&[taken], LEASE, at(53)).await.unwrap(),
        [taken]
    );
    assert_eq!(jobs.heartbeat(&[], LEASE, at(53)).await.unwrap(), []);
}

/// Whoever lost a lease can do nothing with it any more.
pub async fn refuses_old_leases(jobs: &Arc<dyn JobQueue>) {
    let queue = "refuses_old_leases";
    let job = add(jobs, queue).await;
    let old = claim_one(jobs, queue, at(0)).await;
    let taken = claim_one(jobs, queue, at(30)).await;
    assert_lost(&jobs.settle(&old, at(31)).await);
    assert_lost(&jobs.retry(&old, at(40), "late", at(31)).await);
    assert_lost(&jobs.bury(&old, "late", at(31)).await);
    assert_lost(&jobs.release(&old, at(31)).await);
    let never = Lease {
        job: job.id,
        attempt: 99,
    };
    assert_lost(&jobs.settle(&never, at(31)).await);
    assert_eq!(state(jobs, job.id).await, JobState::Running);
    jobs.settle(&taken, at(32)).await.unwrap();
    assert_lost(&jobs.settle(&old, at(33)).await);
}

/// A worker that stops gives its job back: ready at once, no attempt is used, and its lease is over.
pub async fn releases_without_using_an_attempt(jobs: &Arc<dyn JobQueue>) {
    let queue = "releases_without_using_an_attempt";
    let job = add(jobs, queue).await;
    let mut last = 0;
    for _ in 0..job.max_attempts + 2 {
        let lease = claim_one(jobs, queue, at(0)).await;
        assert!(lease.attempt > last, "the fencing token must grow");
        last = lease.attempt;
        jobs.release(&lease, at(1)).await.unwrap();
        assert_lost(&jobs.settle(&lease, at(1)).await);
    }
    for attempt in 1..=job.max_attempts {
        let lease = claim_one(jobs, queue, at(2)).await;
        jobs.retry(&lease, at(2), "failed", at(2)).await.unwrap();
        let dead = state(jobs, job.id).await == JobState::Dead;
        assert_eq!(dead, attempt == job.max_attempts, "attempt {attempt}");
    }
}
