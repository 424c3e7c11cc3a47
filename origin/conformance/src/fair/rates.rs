use std::sync::Arc;

use sluicegate_core::fair::{Bounds, Rate};
use tokio::task::JoinSet;

use super::{Begins, add_many, somebody};
use crate::stores::at;

/// However many ask, no more begin than the rate says, and what was not begun for long is not made up for. Other queues do
/// not share it.
pub async fn begins_no_more_than_the_rate(by: &Arc<dyn Begins>) {
    let queue = "begins_no_more_than_the_rate";
    let other = "begins_no_more_than_the_rate/other";
    let bounds = Bounds {
        rate: Rate::per_minute(60),
        ..Bounds::NONE
    };
    add_many(by, queue, somebody(), 30).await;
    add_many(by, other, somebody(), 1).await;
    let begun = async |now| {
        let mut askers = JoinSet::new();
        for _ in 0..4 {
            let by = by.clone();
            askers.spawn(async move {
                let begun = by.begin(queue, 5, bounds, now).await;
                for job in &begun {
                    by.jobs().settle(&job.lease, now).await.unwrap();
                }
                begun.len()
            });
        }
        askers.join_all().await.into_iter().sum::<usize>()
    };
    assert_eq!(begun(at(0)).await, 2, "those of two seconds");
    assert_eq!(begun(at(0)).await, 0);
    assert_eq!(by.begin(other, 5, bounds, at(0)).await.len(), 1);
    for second in 1..5 {
        assert_eq!(begun(at(second)).await, 1, "second {second}");
    }
    assert_eq!(begun(at(3_600)).await, 2, "nothing is saved up");
    // A clock that was ahead stops nothing for long.
    assert_eq!(begun(at(3_500)).await, 0);
    assert_eq!(begun(at(3_502)).await, 2);
    // Without a rate all that is left begins.
    let rest = by.begin(queue, 99, Bounds::NONE, at(3_503)).await;
    assert_eq!(rest.len(), 30 - 2 - 4 - 2 - 2);
}
