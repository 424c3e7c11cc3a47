use std::cmp::Ordering;
use std::sync::Arc;

use sluicegate_core::job::{JobState, Turn};
use sluicegate_core::ports::JobQueue;

use super::{add, assert_lost, claim, claim_one, state};
use crate::stores::at;

/// A failed attempt waits until the time that the worker names, and says why it failed.
pub async fn retries_at_the_given_time(jobs: &Arc<dyn JobQueue>) {
    let queue = "retries_at_the_given_time";
    let job = add(jobs, queue).await;
    let lease = claim_one(jobs, queue, at(0)).await;
    jobs.retry(&lease, at(100), "no \0answer", at(1))
        .await
        .unwrap();
    let view = jobs.job(job.id).await.unwrap().unwrap();
    assert_eq!((view.state, view.run_at), (JobState::Ready, at(100)));
    assert!(view.last_error.unwrap().contains("answer"));
    assert!(claim(jobs, queue, 10, at(99)).await.is_empty());
    assert_eq!(claim_one(jobs, queue, at(100)).await.attempt, 2);
}

/// When the last attempt has failed the job is dead and kept.
pub async fn buries_after_the_last_attempt(jobs: &Arc<dyn JobQueue>) {
    let queue = "buries_after_the_last_attempt";
    let job = add(jobs, queue).await;
    for _ in 0..job.max_attempts {
        assert_ne!(state(jobs, job.id).await, JobState::Dead);
        let lease = claim_one(jobs, queue, at(0)).await;
        jobs.retry(&lease, at(0), "failed", at(0)).await.unwrap();
    }
    assert_eq!(state(jobs, job.id).await, JobState::Dead);
    assert!(claim(jobs, queue, 10, at(10_000)).await.is_empty());
    assert_eq!(jobs.stats(queue, at(10_000)).await.unwrap().dead, 1);
}

/// An attempt counts when it begins: a job that kills every worker is leased for its burial in the end, until
/// somebody has buried it.
pub async fn leases_for_burial_what_killed_its_last_worker(jobs: &Arc<dyn JobQueue>) {
    let queue = "leases_for_burial_what_killed_its_last_worker";
    let job = add(jobs, queue).await;
    let mut old = None;
    for round in 0..job.max_attempts + 3 {
        let now = at(i64::from(round) * 30);
        let claimed = claim(jobs, queue, 10, now).await;
        let leased = claimed.first().unwrap();
        let turn = match (round + 1).cmp(&job.max_attempts) {
            Ordering::Less => Turn::Attempt,
            Ordering::Equal => Turn::LastAttempt,
            Ordering::Greater => Turn::Burial,
        };
        assert_eq!(leased.turn, turn, "round {round}");
        if let Some(old) = old.replace(leased.lease) {
            assert_lost(&jobs.bury(&old, "late", now).await);
        }
    }
    // A worker that stops does not make an attempt of it.
    let now = at(1_000);
    jobs.release(&old.unwrap(), now).await.unwrap();
    let claimed = claim(jobs, queue, 10, now).await;
    let leased = claimed.first().unwrap();
    assert_eq!(leased.turn, Turn::Burial);
    jobs.bury(&leased.lease, "killed", now).await.unwrap();
    let view = jobs.job(job.id).await.unwrap().unwrap();
    assert_eq!(
        (view.state, view.last_error.as_deref()),
        (JobState::Dead, Some("killed"))
    );
    assert!(claim(jobs, queue, 10, at(10_000)).await.is_empty());
    assert!(jobs.replay(job.id, at(10_000)).await.unwrap());
    let claimed = claim(jobs, queue, 10, at(10_000)).await;
    assert_eq!(claimed.first().unwrap().turn, Turn::Attempt);
}

/// What cannot succeed is dead at once, and says why.
pub async fn buries_at_once(jobs: &Arc<dyn JobQueue>) {
    let queue = "buries_at_once";
    let job = add(jobs, queue).await;
    let lease = claim_one(jobs, queue, at(0)).await;
    jobs.bury(&lease, "no such thing", at(1)).await.unwrap();
    let view = jobs.job(job.id).await.unwrap().unwrap();
    assert_eq!(
        (view.state, view.last_error.as_deref()),
        (JobState::Dead, Some("no such thing"))
    );
    assert!(claim(jobs, queue, 10, at(10_000)).await.is_empty());
}

/// A dead job, and no other, is made ready again with all its attempts; old leases stay lost.
pub async fn replays_dead_jobs(jobs: &Arc<dyn JobQueue>) {
    let queue = "replays_dead_jobs";
    let job = add(jobs, queue).await;
    assert!(!jobs.replay(job.id, at(0)).await.unwrap(), "it is not dead");
    let old = claim_one(jobs, queue, at(0)).await;
    assert!(!jobs.replay(job.id, at(0)).await.unwrap(), "it is not dead");
    jobs.bury(&old, "broken", at(1)).await.unwrap();
    assert!(jobs.replay(job.id, at(50)).await.unwrap());
    assert!(
        !jobs.replay(job.id, at(50)).await.unwrap(),
        "it is ready again"
    );
    assert!(claim(jobs, queue, 10, at(49)).await.is_empty());
    for _ in 0..job.max_attempts {
        let lease = claim_one(jobs, queue, at(50)).await;
        assert_ne!(lease.attempt, old.attempt);
        assert_lost(&jobs.settle(&old, at(50)).await);
        jobs.retry(&lease, at(50), "failed", at(50)).await.unwrap();
    }
    assert_eq!(state(jobs, job.id).await, JobState::Dead);
}

/// Dead jobs, and no others, page by page, of one queue or of all; each as it was added.
pub async fn lists_dead_jobs(jobs: &Arc<dyn JobQueue>) {
    let (queue, other) = ("lists_dead_jobs", "lists_dead_jobs/other");
    let mut dead = Vec::new();
    for of in [queue, queue, queue, other] {
        let job = add(jobs, of).await;
        let lease = claim_one(jobs, of, at(0)).await;
        jobs.bury(&lease, "broken", at(1)).await.unwrap();
        dead.push(job);
    }
    add(jobs, queue).await;
    let mine = jobs.dead(Some(queue), None, 10).await.unwrap();
    let ids: Vec<_> = dead.iter().map(|job| job.id).collect();
    let listed: Vec<_> = mine.iter().map(|job| job.id).collect();
    assert_eq!(listed, ids.get(..3).unwrap());
    let (view, job) = (mine.first().unwrap(), dead.first().unwrap());
    assert_eq!((&view.payload, view.owner), (&job.payload, job.owner));
    assert_eq!((view.settled_at, view.attempts), (Some(at(1)), 1));
    assert_eq!(view.max_attempts, job.max_attempts);
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = jobs.dead(None, after, 2).await.unwrap();
        assert!(page.len() <= 2);
        all.extend(page.iter().map(|job| job.id));
        after = page.last().map(|job| job.id);
        if after.is_none() {
            break;
        }
    }
    for id in ids {
        assert_eq!(all.iter().filter(|listed| **listed == id).count(), 1);
    }
}

/// A dead job, and no other, goes for good.
pub async fn discards_dead_jobs(jobs: &Arc<dyn JobQueue>) {
    let queue = "discards_dead_jobs";
    let job = add(jobs, queue).await;
    assert!(!jobs.discard(job.id).await.unwrap(), "it is ready");
    let lease = claim_one(jobs, queue, at(0)).await;
    assert!(!jobs.discard(job.id).await.unwrap(), "it is running");
    jobs.bury(&lease, "broken", at(1)).await.unwrap();
    assert!(jobs.discard(job.id).await.unwrap());
    assert!(!jobs.discard(job.id).await.unwrap(), "it is gone");
    assert_eq!(jobs.job(job.id).await.unwrap(), None);
    assert!(!jobs.replay(job.id, at(2)).await.unwrap());
}

/// A job that is done stays done and is never given out again.
pub async fn settles_once(jobs: &Arc<dyn JobQueue>) {
    let queue = "settles_once";
    let job = add(jobs, queue).await;
    let lease = claim_one(jobs, queue, at(0)).await;
    // Late, but nobody else has taken it over.
    jobs.settle(&lease, at(10_000)).await.unwrap();
    assert_eq!(state(jobs, job.id).await, JobState::Done);
    assert_lost(&jobs.settle(&lease, at(10_001)).await);
    assert!(!jobs.replay(job.id, at(10_001)).await.unwrap());
    assert!(claim(jobs, queue, 10, at(20_000)).await.is_empty());
}
