use std::sync::Arc;

use sluicegate_core::fair::{Bounds, Priority};
use sluicegate_core::job::NewJob;

use super::{Begins, job, somebody};
use crate::stores::at;

async fn add(by: &Arc<dyn Begins>, queue: &'static str, priority: Priority) -> NewJob {
    let job = NewJob {
        priority,
        ..job(queue, somebody())
    };
    by.jobs().add(&job).await.unwrap();
    job
}

/// The first of an earlier priority begins before all of later ones, whoever's they are and whenever they came.
pub async fn begins_earlier_priorities_first(by: &Arc<dyn Begins>) {
    let queue = "begins_earlier_priorities_first";
    let mut jobs = Vec::new();
    for priority in [Priority::Low, Priority::Normal, Priority::Urgent] {
        for _ in 0..2 {
            jobs.push(add(by, queue, priority).await);
        }
    }
    let view = by.jobs().job(jobs.first().unwrap().id).await.unwrap();
    assert_eq!(view.unwrap().priority, Priority::Low);
    let mut begun = Vec::new();
    for _ in 0..jobs.len() {
        let one = by.begin(queue, 1, Bounds::NONE, at(1)).await;
        let id = one.first().unwrap().lease.job;
        begun.push(jobs.iter().find(|job| job.id == id).unwrap().priority);
    }
    assert!(begun.is_sorted(), "{begun:?}");
}

/// A priority whose first job has waited for half a minute has one in work, however much is more urgent, and no more than
/// that.
pub async fn lets_no_priority_wait_for_ever(by: &Arc<dyn Begins>) {
    let queue = "lets_no_priority_wait_for_ever";
    let patient = [
        add(by, queue, Priority::Low).await.id,
        add(by, queue, Priority::Low).await.id,
    ];
    for _ in 0..9 {
        add(by, queue, Priority::Urgent).await;
    }
    let patience = i64::try_from(Priority::PATIENCE.as_secs()).unwrap();
    let next = async |now| {
        let begun = by.begin(queue, 1, Bounds::NONE, now).await;
        begun.first().unwrap().lease
    };
    assert!(!patient.contains(&next(at(patience - 1)).await.job));
    let first = next(at(patience)).await;
    assert!(patient.contains(&first.job), "it has waited");
    for _ in 0..3 {
        assert!(!patient.contains(&next(at(patience)).await.job));
    }
    by.jobs().settle(&first, at(patience)).await.unwrap();
    let second = next(at(patience + 1)).await;
    assert!(patient.contains(&second.job), "its turn has come again");
}
