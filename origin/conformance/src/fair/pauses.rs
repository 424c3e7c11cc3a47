use std::sync::Arc;

use sluicegate_core::fair::Bounds;

use super::{Begins, LEASE, add_many, owners, somebody};
use crate::stores::at;

/// What runs ends, and nothing is begun of that queue, not even for a lost worker, until somebody has it go on. It can be told
/// since when.
pub async fn begins_nothing_while_paused(by: &Arc<dyn Begins>) {
    let (queue, other) = (
        "begins_nothing_while_paused",
        "begins_nothing_while_paused/other",
    );
    add_many(by, queue, somebody(), 4).await;
    add_many(by, other, somebody(), 1).await;
    let begun = by.begin(queue, 2, Bounds::NONE, at(1)).await;
    let [first, second] = begun.as_slice() else {
        panic!("{begun:?}");
    };
    let jobs = by.jobs();
    let since = async || jobs.stats(queue, at(9)).await.unwrap().paused_since;
    assert_eq!(since().await, None);
    for now in [at(2), at(5)] {
        jobs.pause(queue, true, now).await.unwrap();
        assert_eq!(since().await, Some(at(2)), "it stays so since then");
    }
    assert!(by.begin(queue, 9, Bounds::NONE, at(6)).await.is_empty());
    assert_eq!(owners(by, other, 9, Bounds::NONE, at(6)).await.len(), 1);

    assert_eq!(
        jobs.heartbeat(&[first.lease], LEASE, at(7)).await.unwrap(),
        []
    );
    jobs.settle(&first.lease, at(8)).await.unwrap();
    let lost = at(1).plus(LEASE);
    assert!(by.begin(queue, 9, Bounds::NONE, lost).await.is_empty());
    jobs.settle(&second.lease, lost).await.unwrap();

    for _ in 0..2 {
        jobs.pause(queue, false, lost).await.unwrap();
        assert_eq!(since().await, None);
    }
    assert_eq!(by.begin(queue, 9, Bounds::NONE, lost).await.len(), 2);
}
