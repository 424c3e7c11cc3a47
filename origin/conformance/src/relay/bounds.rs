use std::time::Duration;

use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::fair::{Ahead, Bounds, Priority, Rate};
use sluicegate_core::job::{JobState, NewJob};
use sluicegate_core::ports::{Delivered, Delivery, DeliveryRequest, Take, TakeRequest, Verdict};
use uuid::Uuid;

use super::{Both, LEASE, deliver, leased, relayed, state};
use crate::stores::{at, id};

async fn add_of(both: &Both, queue: &'static str, owner: AccountId) -> JobId {
    let job = NewJob {
        id: JobId(id()),
        queue,
        name: "suite",
        payload: serde_json::json!({}),
        owner,
        priority: Priority::Normal,
        dedup_key: None,
        run_at: at(0),
        max_attempts: 9,
        traceparent: None,
        created_at: at(0),
    };
    both.1.add(&job).await.unwrap();
    job.id
}

async fn take(both: &Both, queue: &str, rate: Option<Rate>, now: Timestamp) -> Take {
    let request = TakeRequest {
        queue,
        limit: 10,
        window: WINDOW,
        ahead: FEW,
        rate,
    };
    both.0.take(&request, now).await.unwrap()
}

async fn relay(both: &Both, queue: &str, rate: Option<Rate>, now: Timestamp) -> Vec<JobId> {
    let Take::Jobs(taken) = take(both, queue, rate, now).await else {
        return Vec::new();
    };
    let ids = taken.jobs().iter().map(|job| job.id).collect();
    taken.confirm(now).await.unwrap();
    ids
}

const WINDOW: u32 = 20;
const FEW: Ahead = Ahead { least: 2, most: 4 };

/// However many that failed are due, no more that did not fail are handed over than the window has room for. What was given back
/// did not fail.
pub async fn keeps_the_window_beside_any_number_of_retries(both: &Both) {
    let queue = "keeps_the_window_beside_any_number_of_retries";
    for _ in 0..=WINDOW {
        let job = relayed(both, queue).await;
        let lease = leased(both, queue, job, at(0)).await.lease;
        both.1.retry(&lease, at(0), "down", at(0)).await.unwrap();
    }
    for _ in 0..2 * WINDOW {
        add_of(both, queue, AccountId(id())).await;
    }
    let mut first = Vec::new();
    for _ in 0..5 {
        first.extend(relay(both, queue, None, at(1)).await);
    }
    assert_eq!(first.len(), usize::try_from(WINDOW).unwrap());
    let job = *first.first().unwrap();
    let lease = leased(both, queue, job, at(1)).await.lease;
    both.1.release(&lease, at(1)).await.unwrap();
    let more = relay(both, queue, None, at(1)).await;
    assert_eq!(more, [], "it waits there again");
}

/// Of one owner only so many wait elsewhere; others are not kept back by that.
pub async fn bounds_what_waits_elsewhere_of_one_owner(both: &Both) {
    let queue = "bounds_what_waits_elsewhere_of_one_owner";
    let (many, one) = (AccountId(id()), AccountId(id()));
    for _ in 0..9 {
        add_of(both, queue, many).await;
    }
    let first = relay(both, queue, None, at(0)).await;
    assert_eq!(first.len(), 2);
    assert_eq!(relay(both, queue, None, at(0)).await, []);
    let single = add_of(both, queue, one).await;
    assert_eq!(relay(both, queue, None, at(0)).await, [single]);

    let mut begun = Vec::new();
    for job in first {
        begun.push(leased(both, queue, job, at(1)).await.lease);
    }
    let second = relay(both, queue, None, at(1)).await;
    assert_eq!(second.len(), 2, "room was made");
    leased(both, queue, *second.first().unwrap(), at(1)).await;
    assert_eq!(relay(both, queue, None, at(1)).await.len(), 1);
    // One that waits for its next attempt keeps nothing back.
    let lease = begun.first().unwrap();
    both.1.retry(lease, at(99), "down", at(1)).await.unwrap();
    assert_eq!(relay(both, queue, None, at(1)).await, []);
}

/// Whose jobs are done fast has as many wait elsewhere as will begin soon, up to the most.
pub async fn has_as_much_wait_elsewhere_as_was_done_lately(both: &Both) {
    let queue = "has_as_much_wait_elsewhere_as_was_done_lately";
    let (fast, other) = (AccountId(id()), AccountId(id()));
    for _ in 0..20 {
        add_of(both, queue, fast).await;
    }
    let first = relay(both, queue, None, at(0)).await;
    for job in &first {
        let lease = leased(both, queue, *job, at(1)).await.lease;
        both.1.settle(&lease, at(1)).await.unwrap();
    }
    let second = relay(both, queue, None, at(1)).await;
    assert_eq!(second.len(), 2, "as many were done");
    for job in second {
        let lease = leased(both, queue, job, at(1)).await.lease;
        both.1.settle(&lease, at(1)).await.unwrap();
    }
    // Those of others change nothing.
    for _ in 0..5 {
        add_of(both, queue, other).await;
    }
    let third = relay(both, queue, None, at(1)).await;
    assert_eq!(
        third.len(),
        4 + 2,
        "the most of one, the least of the other"
    );
    for job in third {
        let lease = leased(both, queue, job, at(1)).await.lease;
        both.1.settle(&lease, at(1)).await.unwrap();
    }
    let later = relay(both, queue, None, at(3)).await;
    assert_eq!(later.len(), 2 + 2, "lately nothing was done");
}

/// However much was done in other queues since.
pub async fn knows_what_was_done_lately_beside_busier_queues(both: &Both) {
    let queue = "knows_what_was_done_lately_beside_busier_queues";
    let other = "knows_what_was_done_lately_beside_busier_queues/other";
    let owner = AccountId(id());
    let done = async |queue: &'static str, number, now| {
        for _ in 0..number {
            let job = add_of(both, queue, owner).await;
            let lease = leased(both, queue, job, now).await.lease;
            both.1.settle(&lease, now).await.unwrap();
        }
    };
    done(queue, 3, at(1)).await;
    let later = at(1).plus(Duration::from_millis(1));
    done(other, WINDOW, later).await;
    for _ in 0..9 {
        add_of(both, queue, owner).await;
    }
    assert_eq!(relay(both, queue, None, later).await.len(), 3);
}

/// A worker has no more jobs of one owner at once than it asks to have; another has its own, jobs of nobody are not counted, and
/// burials always come.
pub async fn leases_no_more_of_one_owner_than_its_share(both: &Both) {
    let queue = "leases_no_more_of_one_owner_than_its_share";
    let (many, other) = (AccountId(id()), AccountId(id()));
    let begin = async |owner, worker| {
        let job = add_of(both, queue, owner).await;
        let request = DeliveryRequest {
            job,
            queue,
            worker,
            lease: LEASE,
            delivery: Delivery::Attempt,
            bounds: Bounds {
                of_one_owner: 2,
                rate: None,
            },
        };
        let delivered = both.0.lease(&request, at(1)).await.unwrap();
        (job, delivered)
    };
    let mut leases = Vec::new();
    for _ in 0..2 {
        let (_, delivered) = begin(many, "one").await;
        let Delivered::Leased(job) = delivered else {
            panic!("{delivered:?}");
        };
        leases.push(job.lease);
    }
    let (waits, delivered) = begin(many, "one").await;
    assert_eq!(delivered, Delivered::AtShare(many));
    let view = both.1.job(waits).await.unwrap().unwrap();
    assert_eq!((view.state, view.attempts), (JobState::Ready, 0));
    for (owner, worker) in [(many, "another"), (other, "one")] {
        let (_, delivered) = begin(owner, worker).await;
        assert!(matches!(delivered, Delivered::Leased(_)), "{delivered:?}");
    }
    for _ in 0..4 {
        let (_, delivered) = begin(AccountId(Uuid::nil()), "one").await;
        assert!(matches!(delivered, Delivered::Leased(_)), "{delivered:?}");
    }
    both.1.settle(leases.first().unwrap(), at(2)).await.unwrap();
    let (_, delivered) = begin(many, "one").await;
    assert!(matches!(delivered, Delivered::Leased(_)), "{delivered:?}");
    let (_, delivered) = begin(many, "one").await;
    assert_eq!(delivered, Delivered::AtShare(many));
    let burial = deliver(both, queue, waits, Delivery::Burial, at(2)).await;
    assert!(matches!(burial, Delivered::Leased(_)), "{burial:?}");
}

/// Whoever waits for room is told that there is something to wait for.
pub async fn tells_what_is_held_back(both: &Both) {
    let queue = "tells_what_is_held_back";
    let owner = AccountId(id());
    assert!(matches!(
        take(both, queue, None, at(0)).await,
        Take::Nothing
    ));
    for _ in 0..3 {
        add_of(both, queue, owner).await;
    }
    assert_eq!(relay(both, queue, None, at(0)).await.len(), 2);
    assert!(matches!(
        take(both, queue, None, at(0)).await,
        Take::HeldBack
    ));
    both.1.pause(queue, true, at(0)).await.unwrap();
    assert!(both.0.is_paused(queue).await.unwrap());
    assert!(matches!(
        take(both, queue, None, at(0)).await,
        Take::Nothing
    ));
    both.1.pause(queue, false, at(0)).await.unwrap();
    assert!(!both.0.is_paused(queue).await.unwrap());
}

/// What was handed over before an operator paused the queue is held by its row; its death can be noted all the same.
pub async fn begins_nothing_that_waits_elsewhere_while_paused(both: &Both) {
    let queue = "begins_nothing_that_waits_elsewhere_while_paused";
    let job = relayed(both, queue).await;
    both.1.pause(queue, true, at(1)).await.unwrap();
    let held = deliver(both, queue, job, Delivery::Attempt, at(2)).await;
    assert!(matches!(held, Delivered::Held(_)), "{held:?}");
    assert_eq!(state(both, job).await, JobState::Relayed);
    let given_up = deliver(both, queue, job, Delivery::Burial, at(2)).await;
    let Delivered::Leased(burial) = given_up else {
        panic!("{given_up:?}");
    };
    both.1.bury(&burial.lease, "given up", at(2)).await.unwrap();
    let held = deliver(both, queue, job, Delivery::Again, at(3)).await;
    assert!(matches!(held, Delivered::Held(_)), "{held:?}");
    both.1.pause(queue, false, at(4)).await.unwrap();
    let again = deliver(both, queue, job, Delivery::Again, at(4)).await;
    assert!(matches!(again, Delivered::Leased(_)), "{again:?}");
}

/// The relay pays for what it hands over; whatever is begun once more pays by itself, and is told when to come back.
pub async fn paces_what_is_begun_once_more(both: &Both) {
    let queue = "paces_what_is_begun_once_more";
    let rate = Rate::per_minute(30);
    let bounds = Bounds {
        rate,
        ..Bounds::NONE
    };
    let begin = async |job, now| {
        let request = DeliveryRequest {
            job,
            queue,
            worker: "suite",
            lease: LEASE,
            delivery: Delivery::Attempt,
            bounds,
        };
        both.0.lease(&request, now).await.unwrap()
    };
    let job = add_of(both, queue, AccountId(id())).await;
    assert_eq!(relay(both, queue, rate, at(0)).await, [job]);
    let Delivered::Leased(first) = begin(job, at(0)).await else {
        panic!("it was paid for");
    };
    both.1
        .retry(&first.lease, at(1), "down", at(1))
        .await
        .unwrap();
    assert_eq!(begin(job, at(1)).await, Delivered::Held(at(2)));
    let Delivered::Leased(second) = begin(job, at(2)).await else {
        panic!("its time has come");
    };
    assert_eq!(second.lease.attempt, 2);
    // Nobody else has what it took.
    let other = add_of(both, queue, AccountId(id())).await;
    assert_eq!(relay(both, queue, rate, at(3)).await, []);
    assert_eq!(relay(both, queue, rate, at(4)).await, [other]);

    // Lost there and handed over once more, it is not paid for twice.
    both.1
        .retry(&second.lease, at(5), "down", at(5))
        .await
        .unwrap();
    assert!(both.0.resolve(job, Verdict::Missing, at(6)).await.unwrap());
    assert_eq!(relay(both, queue, rate, at(6)).await, [job]);
    assert!(matches!(begin(job, at(6)).await, Delivered::Leased(_)));
    add_of(both, queue, AccountId(id())).await;
    assert_eq!(relay(both, queue, rate, at(7)).await, []);
    assert_eq!(relay(both, queue, rate, at(8)).await.len(), 1);
    assert!(
        Duration::from_secs(8) < LEASE,
        "no lease was lost meanwhile"
    );
}
