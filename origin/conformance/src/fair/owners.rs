use std::sync::Arc;
use std::time::Instant;

use sluicegate_contract::ids::AccountId;
use sluicegate_core::fair::Bounds;
use sluicegate_core::job::NewJob;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Begins, add_many, count, job, owners, somebody};
use crate::stores::at;

/// What one user can have waiting, and more.
const FLOOD: usize = 10_000;
const WRITERS: usize = 8;
/// More than are looked at here.
const IN_ORDER: usize = 64;

async fn flood(by: &Arc<dyn Begins>, queue: &'static str) -> AccountId {
    let owner = somebody();
    let mut writers = JoinSet::new();
    // One after the other: of those that are written at one moment several may have the same turn.
    add_many(by, queue, owner, IN_ORDER).await;
    for _ in 0..WRITERS {
        let by = by.clone();
        writers.spawn(async move { add_many(&by, queue, owner, FLOOD / WRITERS).await });
    }
    writers.join_all().await;
    owner
}

/// However much one user has waiting, another's single job is among the next that begin, and so is that of each user who comes
/// then.
pub async fn lets_nobody_wait_for_a_flood(by: &Arc<dyn Begins>) {
    let queue = "lets_nobody_wait_for_a_flood";
    let many = flood(by, queue).await;
    let first = owners(by, queue, 2, Bounds::NONE, at(1)).await;
    assert_eq!(first, [many, many], "nobody else is there");
    for round in 0..3 {
        let single = somebody();
        let asked = Instant::now();
        by.jobs().add(&job(queue, single)).await.unwrap();
        let begun = owners(by, queue, 2, Bounds::NONE, at(2)).await;
        let took = asked.elapsed();
        assert_eq!(count(&begun, single), 1, "round {round}: {begun:?}");
        assert_eq!(begun.len(), 2, "no place is left empty");
        // Writing and two looks, whatever waits; a hundredth of this on an idle machine.
        assert!(took.as_secs() < 5, "round {round}: it took {took:?}");
    }
}

/// Two who have much waiting get the same, whoever came first.
pub async fn lets_owners_take_turns(by: &Arc<dyn Begins>) {
    let queue = "lets_owners_take_turns";
    let (early, late) = (somebody(), somebody());
    add_many(by, queue, early, 40).await;
    add_many(by, queue, late, 40).await;
    let mut begun = Vec::new();
    for _ in 0..10 {
        begun.extend(owners(by, queue, 4, Bounds::NONE, at(1)).await);
    }
    assert_eq!(begun.len(), 40);
    let shares = (count(&begun, early), count(&begun, late));
    assert!((19..=21).contains(&shares.0), "{shares:?}");
    // Nothing is lost.
    let mut rest = Vec::new();
    loop {
        let more = owners(by, queue, 50, Bounds::NONE, at(2)).await;
        if more.is_empty() {
            break;
        }
        rest.extend(more);
    }
    assert_eq!(rest.len(), 40);
}

/// Jobs whose time comes later take turns from then on, and none begins before.
pub async fn takes_turns_when_delays_have_ended(by: &Arc<dyn Begins>) {
    let queue = "takes_turns_when_delays_have_ended";
    let (many, single) = (somebody(), somebody());
    let later = |owner| NewJob {
        run_at: at(60),
        ..job(queue, owner)
    };
    for _ in 0..300 {
        by.jobs().add(&later(many)).await.unwrap();
    }
    by.jobs().add(&later(single)).await.unwrap();
    assert!(owners(by, queue, 9, Bounds::NONE, at(59)).await.is_empty());
    let begun = owners(by, queue, 4, Bounds::NONE, at(60)).await;
    assert_eq!((begun.len(), count(&begun, single)), (4, 1), "{begun:?}");

    // An attempt that failed waits like that, too.
    let failing = somebody();
    by.jobs().add(&job(queue, failing)).await.unwrap();
    let begun = by.begin(queue, 2, Bounds::NONE, at(60)).await;
    let of_failing = begun.iter().find(|job| job.owner == failing);
    let lease = of_failing.unwrap().lease;
    let jobs = by.jobs();
    jobs.retry(&lease, at(90), "down", at(61)).await.unwrap();
    let before = owners(by, queue, 2, Bounds::NONE, at(89)).await;
    assert_eq!(count(&before, failing), 0);
}

/// Of what begins at once no owner has more than the bound, and the places are others'.
pub async fn bounds_what_one_owner_has_at_once(by: &Arc<dyn Begins>) {
    let queue = "bounds_what_one_owner_has_at_once";
    let (many, other) = (somebody(), somebody());
    let bounds = Bounds {
        of_one_owner: 3,
        rate: None,
    };
    add_many(by, queue, many, 9).await;
    add_many(by, queue, other, 1).await;
    let begun = owners(by, queue, 8, bounds, at(1)).await;
    assert_eq!((count(&begun, many), count(&begun, other)), (3, 1));
}

/// Who has the bound, and more waiting, has the next begin when one has ended, and not before.
pub async fn begins_the_next_of_an_owner_when_one_has_ended(by: &Arc<dyn Begins>) {
    let queue = "begins_the_next_of_an_owner_when_one_has_ended";
    let bounds = Bounds {
        of_one_owner: 2,
        rate: None,
    };
    add_many(by, queue, somebody(), 5).await;
    let mut begun = by.begin(queue, 3, bounds, at(1)).await;
    assert_eq!(begun.len(), 2);
    for _ in 0..3 {
        assert!(by.begin(queue, 3, bounds, at(2)).await.is_empty());
        let lease = begun.pop().unwrap().lease;
        by.jobs().settle(&lease, at(2)).await.unwrap();
        let next = by.begin(queue, 3, bounds, at(3)).await;
        assert_eq!(next.len(), 1, "one place is free");
        begun.extend(next);
    }
}

/// What nobody owns is nobody's flood.
pub async fn lets_jobs_of_nobody_pass(by: &Arc<dyn Begins>) {
    let queue = "lets_jobs_of_nobody_pass";
    let (nobody, many) = (AccountId(Uuid::nil()), somebody());
    let bounds = Bounds {
        of_one_owner: 2,
        rate: None,
    };
    add_many(by, queue, many, 9).await;
    add_many(by, queue, nobody, 5).await;
    let begun = owners(by, queue, 8, bounds, at(1)).await;
    assert_eq!(count(&begun, many), 2);
    assert_eq!(count(&begun, nobody), 5);
}

/// Who comes late is not given what others had meanwhile.
pub async fn saves_nothing_up_for_who_was_idle(by: &Arc<dyn Begins>) {
    let queue = "saves_nothing_up_for_who_was_idle";
    let (early, late) = (somebody(), somebody());
    add_many(by, queue, early, 60).await;
    for _ in 0..10 {
        let begun = owners(by, queue, 4, Bounds::NONE, at(1)).await;
        assert_eq!(count(&begun, early), 4);
    }
    add_many(by, queue, late, 20).await;
    let mut begun = Vec::new();
    for _ in 0..5 {
        begun.extend(owners(by, queue, 4, Bounds::NONE, at(2)).await);
    }
    let share = count(&begun, early);
    assert!((9..=11).contains(&share), "{share} of {}", begun.len());
}
