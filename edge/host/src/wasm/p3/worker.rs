//! How long an instance lives, and what ends it.
//!
//! A request that waits is expired by its own timer. A component that computes without end keeps that
//! timer from being looked at, so [`Expiration`] ends the whole instance from outside a moment later.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime::component::GuestTaskId;
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::handler::{ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus};

use super::Guest;
use crate::Limits;
use crate::metrics::{Ended, Metrics};
use crate::wasm::Grants;

/// How much later than the requests' own timers an instance is ended.
const STUCK: Duration = Duration::from_millis(500);
/// How often an instance looks whether the bodies it serves are done.
const RECHECK: Duration = Duration::from_secs(1);

/// What a request holds while it runs, and gives back at its end.
pub(crate) type Held = Vec<Box<dyn Send + Sync>>;

/// A request's right to be served. Lives until its response's body is done, or until the component is
/// done with it after the client has gone.
pub(crate) struct Lease {
    deadline: Instant,
    worker: OnceLock<Arc<Shared>>,
    given_up: AtomicBool,
    _held: Held,
    until_refused: Mutex<Held>,
}

impl Lease {
    pub(crate) fn new(deadline: Instant, held: Held) -> Self {
        Self {
            deadline,
            worker: OnceLock::new(),
            given_up: AtomicBool::new(false),
            _held: held,
            until_refused: Mutex::default(),
        }
    }

    /// Holds more, which a request that is refused gives back at once.
    pub(crate) fn until_refused(mut self, held: Held) -> Self {
        self.until_refused = Mutex::new(held);
        self
    }

    /// What is left of the request is not worth a place.
    pub(crate) fn refused(&self) {
        let held = self.until_refused.lock();
        held.unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The request was answered without its component: nothing more of its body is read.
    pub(crate) fn give_up(&self) {
        self.refused();
        self.given_up.store(true, Ordering::Release);
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    /// When the head of the response must be there.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Keeps the instance alive for the body, until then at most.
    pub(crate) fn body_until(&self, until: Instant) {
        if let Some(worker) = self.worker.get() {
            worker.change(|times| times.bodies = times.bodies.max(until));
        }
    }

    pub(super) fn worker(&self) -> Option<Arc<Shared>> {
        self.worker.get().cloned()
    }

    /// A piece of the request came.
    pub(super) fn moved(&self) {
        if let Some(worker) = self.worker.get() {
            worker.moved();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.get() {
            worker.leases.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// What an instance, its requests and their bodies know of each other.
pub(crate) struct Shared {
    leases: AtomicUsize,
    failed: AtomicBool,
    expired: AtomicBool,
    overrun: AtomicBool,
    timed_out: AtomicBool,
    /// How often something came or went: a sign that the component is not stuck.
    moves: AtomicU64,
    times: Mutex<Times>,
}

#[derive(Clone, Copy)]
struct Times {
    /// When the last of the requests must have its response's head.
    requests: Instant,
    /// When the last of the bodies must be done.
    bodies: Instant,
}

impl Shared {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            leases: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            expired: AtomicBool::new(false),
            overrun: AtomicBool::new(false),
            timed_out: AtomicBool::new(false),
            moves: AtomicU64::new(0),
            times: Mutex::new(Times {
                requests: now,
                bodies: now,
            }),
        }
    }

    /// Whether the instance ended while it may have had something left to write.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub(super) fn moved(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    /// The component computed for too long; the instance ends.
    pub(super) fn overran(&self) {
        self.overrun.store(true, Ordering::Release);
    }

    pub(super) fn has_overrun(&self) -> bool {
        self.overrun.load(Ordering::Acquire)
    }

    fn change(&self, change: impl FnOnce(&mut Times)) {
        change(&mut self.times.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn times(&self) -> Times {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(self: &Arc<Self>, lease: &Lease) {
        self.moved();
        if lease.worker.set(self.clone()).is_ok() {
            self.leases.fetch_add(1, Ordering::AcqRel);
            self.change(|times| times.requests = times.requests.max(lease.deadline));
        }
    }

    fn in_use(&self) -> bool {
        self.leases.load(Ordering::Acquire) > 0
    }

    fn has_expired(&self) -> bool {
        self.expired.load(Ordering::Acquire)
    }
}

/// An instance's share in the queue of requests.
pub(super) struct Worker {
    grants: Arc<Grants>,
    shared: Arc<Shared>,
    metrics: Metrics,
    uses: usize,
}

impl Worker {
    pub(super) fn new(
        grants: Arc<Grants>,
        shared: Arc<Shared>,
        metrics: Metrics,
        limits: &Limits,
    ) -> Self {
        metrics.instance_created(&grants.id);
        Self {
            grants,
            shared,
            metrics,
            uses: limits.instance_uses,
        }
    }
}

impl Worker {
    fn ended(&self, well: bool) -> Ended {
        if well {
            Ended::Retired
        } else if self.grants.closing.load(Ordering::Acquire) {
            Ended::Shutdown
        } else if self.shared.has_overrun() {
            Ended::Computed
        } else if self.shared.timed_out.load(Ordering::Acquire) {
            Ended::TimedOut
        } else {
            Ended::Trap
        }
    }
}

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = Arc<Lease>;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.uses || self.shared.has_expired() {
            ShouldAccept::Never
        } else if concurrent >= self.grants.concurrency {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, Guest>,
        lease: Arc<Lease>,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        self.shared.start(&lease);
        let shared = self.shared.clone();
        // The lease is held here too: a request whose client has gone still counts while it runs.
        Box::pin(async move {
            sleep_until(lease.deadline).await;
            shared.expired.store(true, Ordering::Release);
        })
    }

    fn drop(&self, store: Store<Guest>, result: wasmtime::Result<()>) {
        let how = self.ended(result.is_ok());
        self.metrics.instance_ended(&self.grants.id, how);
        if let Err(error) = result {
            // Before the store goes, so that no stream it closes is taken for a clean end.
            self.shared.failed.store(true, Ordering::Release);
            if how != Ended::Shutdown {
                let component = self.grants.id.as_str();
                tracing::warn!(component, "an instance ended: {}", error.root_cause());
                tracing::debug!(component, "{error:?}");
            }
        }
        drop(store);
    }
}

/// Ends an instance that is stuck, done or unused.
pub(super) struct Expiration {
    shared: Arc<Shared>,
    idle: Duration,
    after_response: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Expiration {
    pub(super) fn new(shared: Arc<Shared>, limits: &Limits) -> Self {
        Self {
            shared,
            idle: limits.instance_idle,
            after_response: limits.request_timeout,
            sleep: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// When the instance ends if nothing changes, and when to look again.
    fn ends(&self, status: WorkerStatus, start: Instant, now: Instant) -> (Instant, Instant) {
        let times = self.shared.times();
        if status == WorkerStatus::Requests {
            let end = times.requests + STUCK;
            return (end, end);
        }
        if self.shared.in_use() {
            let end = times.bodies.max(times.requests + STUCK);
            return (end, end.min(now + RECHECK));
        }
        let end = match status {
            _ if self.shared.has_expired() => now,
            WorkerStatus::Idle => start + self.idle,
            _ => start + self.after_response,
        };
        (end, end)
    }
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: std::time::Instant,
    ) -> Poll<()> {
        let start = Instant::from_std(start);
        loop {
            let now = Instant::now();
            let (end, look_again) = self.ends(status, start, now);
            if now >= end {
                self.shared.timed_out.store(true, Ordering::Release);
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(look_again);
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiration(shared: &Arc<Shared>) -> Expiration {
        Expiration::new(shared.clone(), &Limits::default())
    }

    #[tokio::test]
    async fn a_stuck_request_ends_the_instance_whatever_bodies_it_serves() {
        let shared = Arc::new(Shared::new());
        let now = Instant::now();
        let lease = Lease::new(now + Duration::from_mins(1), Vec::new());
        shared.start(&lease);
        lease.body_until(now + Duration::from_mins(15));
        let (end, _) = expiration(&shared).ends(WorkerStatus::Requests, now, now);
        assert_eq!(end, now + Duration::from_mins(1) + STUCK);
    }

    #[tokio::test]
    async fn bodies_keep_an_instance_and_their_end_frees_it() {
        let shared = Arc::new(Shared::new());
        let now = Instant::now();
        let lease = Lease::new(now, Vec::new());
        shared.start(&lease);
        lease.body_until(now + Duration::from_mins(15));
        let expiration = expiration(&shared);
        let (end, look_again) = expiration.ends(WorkerStatus::Idle, now, now);
        assert_eq!(end, now + Duration::from_mins(15));
        assert_eq!(look_again, now + RECHECK);
        drop(lease);
        let (end, _) = expiration.ends(WorkerStatus::Idle, now, now);
        assert_eq!(end, now + Limits::default().instance_idle);
        shared.expired.store(true, Ordering::Release);
        let (end, _) = expiration.ends(WorkerStatus::PostReturn, now, now);
        assert_eq!(end, now);
    }
}
