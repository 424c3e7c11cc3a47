//! What each owner has of the places of one worker.
//!
//! Rows say how many jobs of an owner this worker has, and BullMQ delivers several at once: those that are being leased do not
//! see each other. One that would be too many waits in Redis, and leaves its place to others; once one of its owner has ended it is
//! delivered again.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluicegate_contract::ids::AccountId;
use sluicegate_core::fair::places_of_one;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Of one owner no more are remembered; those that are forgotten are delivered when their pause is over.
const REMEMBERED: usize = 32;

/// The places of one worker on one queue. `J` is a job as it was delivered.
pub(crate) struct Share<J> {
    of_one_owner: u32,
    /// Held by those that lease together, or by one alone.
    together: RwLock<()>,
    leasing: AtomicU32,
    ended: AtomicU64,
    owners: Mutex<HashMap<AccountId, Owned<J>>>,
}

struct Owned<J> {
    running: u32,
    held: VecDeque<Arc<J>>,
}

impl<J> Default for Owned<J> {
    fn default() -> Self {
        Self {
            running: 0,
            held: VecDeque::new(),
        }
    }
}

impl<J> Share<J> {
    /// Of so many places.
    pub(crate) fn of(places: u32) -> Self {
        let share = places_of_one(places);
        Self {
            of_one_owner: if share < places { share } else { u32::MAX },
            together: RwLock::new(()),
            leasing: AtomicU32::new(0),
            ended: AtomicU64::new(0),
            owners: Mutex::default(),
        }
    }

    /// To lease beside others. Room is left for all that are being leased at this moment, whosever they are: where that leaves too
    /// little, it has to be asked for once more, [alone](Share::alone).
    pub(crate) async fn together(&self) -> Leasing<'_> {
        if self.of_one_owner == u32::MAX {
            return Leasing::unbounded();
        }
        let together = self.together.read().await;
        let (counted, others) = Counted::begin(&self.leasing);
        Leasing {
            bound: self.of_one_owner.saturating_sub(others),
            is_sure: others == 0,
            _counted: Some(counted),
            _together: Some(together),
            _alone: None,
        }
    }

    /// To lease while nobody else does.
    pub(crate) async fn alone(&self) -> Leasing<'_> {
        Leasing {
            bound: self.of_one_owner,
            _alone: Some(self.together.write().await),
            ..Leasing::unbounded()
        }
    }

    /// A job of that owner runs until the answer is dropped.
    pub(crate) fn begins(&self, owner: AccountId) -> Running<'_, J> {
        self.owners().entry(owner).or_default().running += 1;
        Running { share: self, owner }
    }

    /// How many have ended; see [`Share::hold`].
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::SeqCst)
    }

    /// Remembers a job that waits in Redis for one of its owner to end. `ended` is from before it was found that it has to. Answers
    /// those that may come now, since one did meanwhile.
    pub(crate) fn hold(&self, owner: AccountId, job: Arc<J>, ended: u64) -> Vec<Arc<J>> {
        let mut owners = self.owners();
        let jobs = owners.entry(owner).or_default();
        if jobs.held.len() >= REMEMBERED {
            jobs.held.pop_front();
        }
        jobs.held.push_back(job);
        if self.ended() == ended {
            return Vec::new();
        }
        self.due(&mut owners, owner)
    }

    /// Forgets a job that was delivered.
    pub(crate) fn forget(&self, is_it: impl Fn(&J) -> bool) {
        for jobs in self.owners().values_mut() {
            jobs.held.retain(|held| !is_it(held));
        }
    }

    /// As many as there are places for. With its last job an owner is forgotten.
    fn due(&self, owners: &mut HashMap<AccountId, Owned<J>>, owner: AccountId) -> Vec<Arc<J>> {
        let Some(jobs) = owners.get_mut(&owner) else {
            return Vec::new();
        };
        let places = usize::try_from(self.of_one_owner.saturating_sub(jobs.running));
        let many = places.unwrap_or(usize::MAX).min(jobs.held.len());
        let due = jobs.held.drain(..many).collect();
        if jobs.running == 0 {
            owners.remove(&owner);
        }
        due
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<AccountId, Owned<J>>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to ask for a lease, until it is dropped.
pub(crate) struct Leasing<'a> {
    bound: u32,
    is_sure: bool,
    _counted: Option<Counted<'a>>,
    _together: Option<RwLockReadGuard<'a, ()>>,
    _alone: Option<RwLockWriteGuard<'a, ()>>,
}

impl Leasing<'_> {
    fn unbounded() -> Self {
        Self {
            bound: u32::MAX,
            is_sure: true,
            _counted: None,
            _together: None,
            _alone: None,
        }
    }

    /// This worker may have so many jobs of one owner.
    pub(crate) fn bound(&self) -> u32 {
        self.bound
    }

    /// Whether what is beyond the bound is beyond the share.
    pub(crate) fn is_sure(&self) -> bool {
        self.is_sure
    }
}

struct Counted<'a>(&'a AtomicU32);

impl<'a> Counted<'a> {
    fn begin(all: &'a AtomicU32) -> (Self, u32) {
        let others = all.fetch_add(1, Ordering::SeqCst);
        (Self(all), others)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A job that runs.
pub(crate) struct Running<'a, J> {
    share: &'a Share<J>,
    owner: AccountId,
}

impl<J> Running<'_, J> {
    /// It has ended. Answers those that waited for it.
    pub(crate) fn end(self) -> Vec<Arc<J>> {
        let (share, owner) = (self.share, self.owner);
        drop(self);
        share.due(&mut share.owners(), owner)
    }
}

impl<J> Drop for Running<'_, J> {
    fn drop(&mut self) {
        self.share.ended.fetch_add(1, Ordering::SeqCst);
        let mut owners = self.share.owners();
        if let Some(jobs) = owners.get_mut(&self.owner) {
            jobs.running = jobs.running.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time;

    use super::*;

    fn owner() -> AccountId {
        "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
    }

    /// Rows of one owner: a look, then a while, then a write, as statements that do not see each other. Whether it begins.
    async fn ask(running: &AtomicU32, bound: u32) -> bool {
        let seen = running.load(Ordering::SeqCst);
        time::sleep(Duration::from_millis(1)).await;
        if seen < bound {
            running.fetch_add(1, Ordering::SeqCst);
        }
        seen < bound
    }

    async fn begins(share: &Share<()>, running: &AtomicU32) -> bool {
        let leasing = share.together().await;
        let begun = ask(running, leasing.bound()).await;
        if begun || leasing.is_sure() {
            return begun;
        }
        drop(leasing);
        let alone = share.alone().await;
        ask(running, alone.bound()).await
    }

    #[tokio::test(start_paused = true)]
    async fn of_deliveries_at_once_as_many_begin_as_may() {
        for (places, most) in [(3, 3), (4, 3), (8, 6), (100, 75)] {
            let (share, running) = (Share::of(places), AtomicU32::new(0));
            let all = (0..places).map(|_| begins(&share, &running));
            futures_util::future::join_all(all).await;
            assert_eq!(running.load(Ordering::SeqCst), most, "of {places}");
        }
    }

    #[test]
    fn what_is_held_comes_when_one_has_ended() {
        let share = Share::of(4);
        let mut running: Vec<_> = (0..3).map(|_| share.begins(owner())).collect();
        let ended = share.ended();
        for job in ["a", "b", "c"] {
            assert!(share.hold(owner(), Arc::new(job), ended).is_empty());
        }
        share.forget(|job| *job == "a");
        let due = running.pop().unwrap().end();
        assert_eq!(due, [Arc::new("b")], "there is one place");
        // It ended while this one was being held.
        let due = share.hold(owner(), Arc::new("d"), ended);
        assert_eq!(due, [Arc::new("c")]);
        drop(running.pop());
        assert_eq!(running.pop().unwrap().end(), [Arc::new("d")]);
        assert!(
            share.owners().is_empty(),
            "nothing is kept of who has nothing"
        );
    }
}
