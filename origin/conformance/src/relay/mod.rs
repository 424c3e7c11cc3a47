//! What every [`JobRelay`] must do, together with the [`JobQueue`] on the same rows.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "that is how a promise is found broken"
)]

mod bounds;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::fair::{Ahead, Bounds, Priority};
use sluicegate_core::job::{JobState, LeasedJob, NewJob, POST_JOB, POST_QUEUE, Turn};
use sluicegate_core::ports::{
    ClaimRequest, Delivered, Delivery, DeliveryRequest, ForeignJob, HandOver, JobQueue, JobRelay,
    Take, TakeRequest, Verdict,
};
use tokio::time::timeout;

use crate::promises::promises;
use crate::stores::{at, id};

pub use bounds::*;

promises!((Arc<dyn JobRelay>, Arc<dyn JobQueue>):
    takes_what_is_ready_and_not_before,
    takes_nothing_twice,
    gives_back_what_was_not_confirmed,
    keeps_the_window,
    counts_what_waits_elsewhere_as_ready,
    leases_what_is_delivered_once,
    takes_over_from_lost_workers,
    leaves_failed_attempts_to_the_other_queue,
    gives_back_to_the_other_queue,
    knows_deliveries_too_many,
    brings_dead_jobs_back_if_asked,
    leases_for_burial_what_was_given_up,
    hands_replayed_jobs_over_again,
    adopts_nothing_without_an_owner,
    suspects_in_turn,
    suspects_what_is_named,
    suspects_what_is_handed_over_just_now,
    suspects_nothing_that_waits_for_its_next_attempt,
    suspects_lost_workers,
    resolves_what_nobody_works_on,
    recalls_what_waits,
    leaves_what_a_claim_took_over_to_the_table,
    keeps_the_window_beside_any_number_of_retries,
    bounds_what_waits_elsewhere_of_one_owner,
    has_as_much_wait_elsewhere_as_was_done_lately,
    knows_what_was_done_lately_beside_busier_queues,
    leases_no_more_of_one_owner_than_its_share,
    tells_what_is_held_back,
    begins_nothing_that_waits_elsewhere_while_paused,
    paces_what_is_begun_once_more,
);

type Both = (Arc<dyn JobRelay>, Arc<dyn JobQueue>);

const LEASE: Duration = Duration::from_secs(30);

async fn add(both: &Both, queue: &'static str, run_at: Timestamp) -> JobId {
    let job = NewJob {
        id: JobId(id()),
        queue,
        name: "suite",
        payload: serde_json::json!({ "key": "value" }),
        owner: AccountId(id()),
        priority: Priority::Normal,
        dedup_key: None,
        run_at,
        max_attempts: 2,
        traceparent: None,
        created_at: at(0),
    };
    both.1.add(&job).await.unwrap();
    job.id
}

async fn take(both: &Both, queue: &str, window: u32, now: Timestamp) -> Option<Box<dyn HandOver>> {
    let request = TakeRequest {
        queue,
        limit: 10,
        window,
        ahead: Ahead::UNBOUNDED,
        rate: None,
    };
    match both.0.take(&request, now).await.unwrap() {
        Take::Jobs(jobs) => Some(jobs),
        Take::HeldBack | Take::Nothing => None,
    }
}

/// The ids of what was handed over.
async fn relay(both: &Both, queue: &str, now: Timestamp) -> Vec<JobId> {
    let Some(taken) = take(both, queue, 100, now).await else {
        return Vec::new();
    };
    let ids = taken.jobs().iter().map(|job| job.id).collect();
    taken.confirm(now).await.unwrap();
    ids
}

async fn deliver(
    both: &Both,
    queue: &str,
    job: JobId,
    delivery: Delivery,
    now: Timestamp,
) -> Delivered {
    let request = DeliveryRequest {
        job,
        queue,
        worker: "suite",
        lease: LEASE,
        delivery,
        bounds: Bounds::NONE,
    };
    both.0.lease(&request, now).await.unwrap()
}

async fn leased(both: &Both, queue: &str, job: JobId, now: Timestamp) -> LeasedJob {
    match deliver(both, queue, job, Delivery::Attempt, now).await {
        Delivered::Leased(job) => *job,
        other => panic!("not leased: {other:?}"),
    }
}

async fn state(both: &Both, job: JobId) -> JobState {
    both.1.job(job).await.unwrap().unwrap().state
}

/// A job that was handed over at 0 s.
async fn relayed(both: &Both, queue: &'static str) -> JobId {
    let job = add(both, queue, at(0)).await;
    assert_eq!(relay(both, queue, at(0)).await, [job]);
    job
}

/// `run_at` is a floor.
pub async fn takes_what_is_ready_and_not_before(both: &Both) {
    let queue = "takes_what_is_ready_and_not_before";
    let later = add(both, queue, at(60)).await;
    let first = add(both, queue, at(1)).await;
    assert_eq!(relay(both, queue, at(0)).await, []);
    assert_eq!(relay(both, queue, at(59)).await, [first]);
    assert_eq!(relay(both, queue, at(60)).await, [later]);
    assert_eq!(state(both, first).await, JobState::Relayed);
}

/// Two relays at once take different jobs.
pub async fn takes_nothing_twice(both: &Both) {
    let queue = "takes_nothing_twice";
    for _ in 0..15 {
        add(both, queue, at(0)).await;
    }
    let one = take(both, queue, 100, at(0)).await.unwrap();
    let other = take(both, queue, 100, at(0)).await.unwrap();
    let mut ids: Vec<JobId> = one
        .jobs()
        .iter()
        .chain(other.jobs())
        .map(|job| job.id)
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 15);
    one.confirm(at(0)).await.unwrap();
    other.confirm(at(0)).await.unwrap();
    assert_eq!(relay(both, queue, at(0)).await, []);
}

/// A relay that is dropped before it confirmed leaves its jobs to others.
pub async fn gives_back_what_was_not_confirmed(both: &Both) {
    let queue = "gives_back_what_was_not_confirmed";
    let job = add(both, queue, at(0)).await;
    drop(take(both, queue, 100, at(0)).await.unwrap());
    assert_eq!(state(both, job).await, JobState::Ready);
    // The rows are free once the connection is back.
    for _ in 0..500 {
        if relay(both, queue, at(0)).await == [job] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the job stayed taken");
}

/// What is due elsewhere or in work fills the window; what waits for another attempt does not.
pub async fn keeps_the_window(both: &Both) {
    let queue = "keeps_the_window";
    for _ in 0..3 {
        add(both, queue, at(0)).await;
    }
    let taken = take(both, queue, 2, at(0)).await.unwrap();
    let first = taken.jobs().first().unwrap().id;
    assert_eq!(taken.jobs().len(), 2);
    taken.confirm(at(0)).await.unwrap();
    assert!(take(both, queue, 2, at(1)).await.is_none());
    let lease = leased(both, queue, first, at(1)).await.lease;
    assert!(take(both, queue, 2, at(1)).await.is_none());
    both.1.retry(&lease, at(100), "later", at(1)).await.unwrap();
    assert_eq!(take(both, queue, 2, at(2)).await.unwrap().jobs().len(), 1);
}

/// Numbers and age mean the same wherever a job waits.
pub async fn counts_what_waits_elsewhere_as_ready(both: &Both) {
    let queue = "counts_what_waits_elsewhere_as_ready";
    add(both, queue, at(5)).await;
    assert_eq!(relay(both, queue, at(10)).await.len(), 1);
    add(both, queue, at(8)).await;
    let stats = both.1.stats(queue, at(20)).await.unwrap();
    assert_eq!((stats.ready, stats.oldest_ready), (2, Some(at(5))));
}

/// A delivery is an attempt; a second one finds it busy.
pub async fn leases_what_is_delivered_once(both: &Both) {
    let queue = "leases_what_is_delivered_once";
    let job = relayed(both, queue).await;
    let unknown = deliver(both, "elsewhere", job, Delivery::Attempt, at(1)).await;
    assert_eq!(unknown, Delivered::Unknown);
    let first = leased(both, queue, job, at(1)).await;
    assert_eq!((first.lease.attempt, first.turn), (1, Turn::Attempt));
    let second = deliver(both, queue, job, Delivery::Attempt, at(2)).await;
    assert_eq!(second, Delivered::Busy(at(1).plus(LEASE)));
    both.1.settle(&first.lease, at(3)).await.unwrap();
    assert_eq!(state(both, job).await, JobState::Done);

    // One that is delivered before its relay could say so is leased as well.
    let early = add(both, queue, at(0)).await;
    leased(both, queue, early, at(1)).await;
}

/// Once a lease has ended, the next delivery gets the job, and the old lease settles nothing.
pub async fn takes_over_from_lost_workers(both: &Both) {
    let queue = "takes_over_from_lost_workers";
    let job = relayed(both, queue).await;
    let first = leased(both, queue, job, at(0)).await;
    let second = leased(both, queue, job, at(0).plus(LEASE)).await;
    assert_eq!((second.lease.attempt, second.turn), (2, Turn::LastAttempt));
    assert!(both.1.settle(&first.lease, at(31)).await.is_err());
    both.1.settle(&second.lease, at(31)).await.unwrap();
}

/// After a failed attempt a job waits where it was delivered; the last one makes it dead.
pub async fn leaves_failed_attempts_to_the_other_queue(both: &Both) {
    let queue = "leaves_failed_attempts_to_the_other_queue";
    let job = relayed(both, queue).await;
    let lease = leased(both, queue, job, at(0)).await.lease;
    both.1.retry(&lease, at(5), "down", at(1)).await.unwrap();
    let view = both.1.job(job).await.unwrap().unwrap();
    assert_eq!((view.state, view.run_at), (JobState::Relayed, at(5)));
    assert_eq!(relay(both, queue, at(10)).await, [], "it is there already");
    let lease = leased(both, queue, job, at(5)).await.lease;
    both.1.retry(&lease, at(9), "down", at(6)).await.unwrap();
    assert_eq!(state(both, job).await, JobState::Dead);
}

/// A job that is given back waits where it was delivered, and has its attempt back.
pub async fn gives_back_to_the_other_queue(both: &Both) {
    let queue = "gives_back_to_the_other_queue";
    let job = relayed(both, queue).await;
    for _ in 0..5 {
        let given = leased(both, queue, job, at(0)).await;
        assert_eq!(given.turn, Turn::Attempt);
        both.1.release(&given.lease, at(1)).await.unwrap();
        assert_eq!(state(both, job).await, JobState::Relayed);
    }
}

/// A job that is over is not leased again.
pub async fn knows_deliveries_too_many(both: &Both) {
    let queue = "knows_deliveries_too_many";
    let done = relayed(both, queue).await;
    let lease = leased(both, queue, done, at(0)).await.lease;
    both.1.settle(&lease, at(1)).await.unwrap();
    for delivery in [Delivery::Attempt, Delivery::Again, Delivery::Burial] {
        let found = deliver(both, queue, done, delivery, at(99)).await;
        assert_eq!(found, Delivered::Done);
    }
    let dead = relayed(both, queue).await;
    let lease = leased(both, queue, dead, at(0)).await.lease;
    both.1.bury(&lease, "never", at(1)).await.unwrap();
    let found = deliver(both, queue, dead, Delivery::Attempt, at(99)).await;
    assert_eq!(found, Delivered::Dead);
    assert_eq!(state(both, dead).await, JobState::Dead);
}

/// An operator who has a dead job tried again elsewhere gives it all its attempts back.
pub async fn brings_dead_jobs_back_if_asked(both: &Both) {
    let queue = "brings_dead_jobs_back_if_asked";
    let job = relayed(both, queue).await;
    let lease = leased(both, queue, job, at(0)).await.lease;
    both.1.bury(&lease, "never", at(1)).await.unwrap();
    let Delivered::Leased(again) = deliver(both, queue, job, Delivery::Again, at(2)).await else {
        panic!("not leased");
    };
    assert_eq!((again.lease.attempt, again.turn), (2, Turn::Attempt));
    both.1.settle(&again.lease, at(3)).await.unwrap();
    assert_eq!(state(both, job).await, JobState::Done);
}

/// What the other queue gave up is leased for its burial alone, and not while somebody works on it.
pub async fn leases_for_burial_what_was_given_up(both: &Both) {
    let queue = "leases_for_burial_what_was_given_up";
    let job = relayed(both, queue).await;
    let first = leased(both, queue, job, at(0)).await;
    let busy = deliver(both, queue, job, Delivery::Burial, at(1)).await;
    assert!(matches!(busy, Delivered::Busy(_)), "{busy:?}");
    let over = at(0).plus(LEASE);
    let Delivered::Leased(burial) = deliver(both, queue, job, Delivery::Burial, over).await else {
        panic!("not leased");
    };
    assert_eq!(burial.turn, Turn::Burial);
    assert!(both.1.bury(&first.lease, "late", over).await.is_err());
    both.1.bury(&burial.lease, "given up", over).await.unwrap();
}

/// A replayed job is ready in the table, and knows that it was there before.
pub async fn hands_replayed_jobs_over_again(both: &Both) {
    let queue = "hands_replayed_jobs_over_again";
    let job = relayed(both, queue).await;
    let lease = leased(both, queue, job, at(0)).await.lease;
    both.1.bury(&lease, "never", at(1)).await.unwrap();
    assert!(both.1.replay(job, at(2)).await.unwrap());
    assert_eq!(state(both, job).await, JobState::Ready);
    let taken = take(both, queue, 10, at(2)).await.unwrap();
    assert_eq!(taken.jobs().first().unwrap().attempts, 1);
}

/// A job that came without a row gets none for somebody who does not exist. Those with an owner are shown by the adapter's own
/// tests.
pub async fn adopts_nothing_without_an_owner(both: &Both) {
    let foreign = ForeignJob {
        id: JobId(id()),
        relayed_as: "17".to_owned(),
        queue: POST_QUEUE,
        name: POST_JOB,
        payload: serde_json::json!({}),
        owner: AccountId(id()),
        max_attempts: 1,
        created_at: at(0),
    };
    assert!(!both.0.adopt(&foreign, at(0)).await.unwrap());
    assert_eq!(both.1.job(foreign.id).await.unwrap(), None);
}

/// Each row comes once a turn, however many ask, and all come at once if the other queue was emptied.
pub async fn suspects_in_turn(both: &Both) {
    let queue = "suspects_in_turn";
    let job = relayed(both, queue).await;
    let suspects = async |before, now| both.0.suspects(queue, before, 10, now).await.unwrap();
    assert_eq!(suspects(at(-1), at(29)).await, []);
    let found = suspects(at(0), at(30)).await;
    assert_eq!((found.len(), found.first().unwrap().job), (1, job));
    assert_eq!(suspects(at(29), at(59)).await, []);
    both.0.suspect_all(queue).await.unwrap();
    assert_eq!(suspects(at(29), at(59)).await.len(), 1);
    let lease = leased(both, queue, job, at(60)).await.lease;
    both.1.settle(&lease, at(61)).await.unwrap();
    assert_eq!(suspects(at(999), at(999)).await, []);
}

/// A row whose worker was lost is suspect, also if it was never handed over; one whose worker lives is not.
pub async fn suspects_lost_workers(both: &Both) {
    let queue = "suspects_lost_workers";
    let job = add(both, queue, at(0)).await;
    let request = ClaimRequest {
        queue,
        worker: "table",
        limit: 1,
        lease: LEASE,
        bounds: Bounds::NONE,
    };
    both.1.claim(&request, at(0)).await.unwrap();
    let over = at(0).plus(LEASE);
    assert_eq!(
        both.0.suspects(queue, at(29), 10, at(29)).await.unwrap(),
        []
    );
    let found = both.0.suspects(queue, over, 10, over).await.unwrap();
    assert_eq!(found.first().unwrap().job, job);
    assert!(both.0.resolve(job, Verdict::Missing, over).await.unwrap());
    assert_eq!(relay(both, queue, over).await, [job]);
}

/// What the other queue lost is ready again, at its place; what was completed there is done; but never under somebody's hands.
pub async fn resolves_what_nobody_works_on(both: &Both) {
    let queue = "resolves_what_nobody_works_on";
    let lost = relayed(both, queue).await;
    assert!(both.0.resolve(lost, Verdict::Missing, at(9)).await.unwrap());
    let view = both.1.job(lost).await.unwrap().unwrap();
    assert_eq!((view.state, view.run_at), (JobState::Ready, at(0)));
    assert!(!both.0.resolve(lost, Verdict::Missing, at(9)).await.unwrap());

    assert_eq!(relay(both, queue, at(9)).await, [lost]);
    leased(both, queue, lost, at(10)).await;
    for verdict in [Verdict::Missing, Verdict::Done] {
        assert!(!both.0.resolve(lost, verdict, at(11)).await.unwrap());
    }
    let over = at(10).plus(LEASE);
    assert!(both.0.resolve(lost, Verdict::Done, over).await.unwrap());
    assert_eq!(state(both, lost).await, JobState::Done);
}

/// What is known to have happened elsewhere is compared before its turn; nothing else is.
pub async fn suspects_what_is_named(both: &Both) {
    let queue = "suspects_what_is_named";
    let named = relayed(both, queue).await;
    let other = relayed(both, queue).await;
    let done = relayed(both, queue).await;
    let lease = leased(both, queue, done, at(0)).await.lease;
    both.1.settle(&lease, at(0)).await.unwrap();
    let elsewhere = "suspects_what_is_named elsewhere";
    both.0.suspect(elsewhere, &[other]).await.unwrap();
    both.0.suspect(queue, &[named, done]).await.unwrap();
    for suspects in [vec![named], vec![]] {
        let found = both.0.suspects(queue, at(0).minus(LEASE), 10, at(0));
        let found: Vec<JobId> = found.await.unwrap().iter().map(|one| one.job).collect();
        assert_eq!(found, suspects);
    }
}

/// Somebody is done with it there before the relay has committed that it is there.
pub async fn suspects_what_is_handed_over_just_now(both: &Both) {
    let queue = "suspects_what_is_handed_over_just_now";
    let job = add(both, queue, at(0)).await;
    let taken = take(both, queue, 100, at(0)).await.unwrap();
    let named = [job];
    let mut naming = pin!(both.0.suspect(queue, &named));
    let at_once = timeout(Duration::from_millis(200), &mut naming).await;
    assert!(at_once.is_err(), "it waits for whoever hands it over");
    taken.confirm(at(0)).await.unwrap();
    naming.await.unwrap();
    let found = both.0.suspects(queue, at(0).minus(LEASE), 10, at(0));
    let found: Vec<JobId> = found.await.unwrap().iter().map(|one| one.job).collect();
    assert_eq!(found, [job]);
}

/// However many attempts failed: there is nothing to compare before the next is due.
pub async fn suspects_nothing_that_waits_for_its_next_attempt(both: &Both) {
    let queue = "suspects_nothing_that_waits_for_its_next_attempt";
    let job = relayed(both, queue).await;
    let lease = leased(both, queue, job, at(0)).await.lease;
    both.1.retry(&lease, at(90), "down", at(1)).await.unwrap();
    let suspects = async |before| {
        let found = both.0.suspects(queue, before, 10, at(91)).await.unwrap();
        found.len()
    };
    assert_eq!(suspects(at(89)).await, 0);
    assert_eq!(suspects(at(90)).await, 1);
    // Unless that queue was emptied.
    let lease = leased(both, queue, job, at(90)).await.lease;
    both.1.release(&lease, at(90)).await.unwrap();
    both.0.suspect_all(queue).await.unwrap();
    assert_eq!(suspects(at(0)).await, 1);
}

/// A queue that is given up gives everything back to the table.
pub async fn recalls_what_waits(both: &Both) {
    let queue = "recalls_what_waits";
    let job = relayed(both, queue).await;
    while both.0.recall(100).await.unwrap() > 0 {}
    assert_eq!(state(both, job).await, JobState::Ready);
}

/// A job that was delivered, and whose worker was lost when the other queue was given up, is the table's once it was claimed
/// there: after a failure nobody would look for it elsewhere.
pub async fn leaves_what_a_claim_took_over_to_the_table(both: &Both) {
    let queue = "leaves_what_a_claim_took_over_to_the_table";
    let job = relayed(both, queue).await;
    leased(both, queue, job, at(0)).await;
    let request = ClaimRequest {
        queue,
        worker: "suite",
        limit: 1,
        lease: LEASE,
        bounds: Bounds::NONE,
    };
    let claimed = both.1.claim(&request, at(0).plus(LEASE)).await.unwrap();
    let claimed = claimed.first().unwrap();
    assert_eq!(claimed.lease.job, job);
    both.1.release(&claimed.lease, at(31)).await.unwrap();
    assert_eq!(state(both, job).await, JobState::Ready);
}
