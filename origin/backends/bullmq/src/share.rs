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

use crate::line::Line;

/// Of one owner no more are remembered; those that are forgotten are delivered when their pause is over.
const REMEMBERED: usize = 32;
/// Nor more owners than that, beside those of whom something runs.
const OWNERS: usize = 256;

/// The places of one worker on one queue. `J` is a job as it was delivered.
pub(crate) struct Share<J> {
    of_one_owner: u32,
    /// Held by those that lease together, or by one alone.
    together: RwLock<()>,
    leasing: AtomicU32,
    ended: AtomicU64,
    owners: Mutex<HashMap<AccountId, Owned<J>>>,
    /// Of those that a rate holds back.
    pub(crate) line: Line,
}

struct Owned<J> {
    running: u32,
    held: VecDeque<Held<J>>,
}

struct Held<J> {
    job: Arc<J>,
    /// One after the other.
    times: u32,
}

impl<J> Owned<J> {
    fn is_needed(&self) -> bool {
        self.running > 0 || !self.held.is_empty()
    }
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
            line: Line::default(),
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

    /// Remembers a job that waits in Redis for one of its owner to end. `times` counts how often it had to, one after the other;
    /// `ended` is from before it was found that it has to. Answers those that may come now, since one did meanwhile.
    pub(crate) fn hold(
        &self,
        owner: AccountId,
        job: Arc<J>,
        times: u32,
        ended: u64,
    ) -> Vec<Arc<J>> {
        let mut owners = self.owners();
        if owners.len() >= OWNERS {
            owners.retain(|_, jobs| jobs.running > 0);
        }
        let jobs = owners.entry(owner).or_default();
        if jobs.held.len() >= REMEMBERED {
            jobs.held.pop_front();
        }
        jobs.held.push_back(Held { job, times });
        if self.ended() == ended {
            return Vec::new();
        }
        self.due(&mut owners, owner)
    }

    /// Forgets a job that was delivered. Answers how often it was held since it last came because one had ended.
    pub(crate) fn forget(&self, is_it: impl Fn(&J) -> bool) -> u32 {
        let mut times = 0;
        self.owners().retain(|_, jobs| {
            jobs.held.retain(|held| {
                let found = is_it(&held.job);
                if found {
                    times = held.times;
                }
                !found
            });
            jobs.is_needed()
        });
        times
    }

    /// As many as there are places for. With its last job an owner is forgotten.
    fn due(&self, owners: &mut HashMap<AccountId, Owned<J>>, owner: AccountId) -> Vec<Arc<J>> {
        let Some(jobs) = owners.get_mut(&owner) else {
            return Vec::new();
        };
        let places = usize::try_from(self.of_one_owner.saturating_sub(jobs.running));
        let many = places.unwrap_or(usize::MAX).min(jobs.held.len());
        let due = jobs.held.drain(..many).map(|held| held.job).collect();
        if !jobs.is_needed() {
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
            if !jobs.is_needed() {
                owners.remove(&self.owner);
            }
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
            assert!(share.hold(owner(), Arc::new(job), 7, ended).is_empty());
        }
        assert_eq!(share.forget(|job| *job == "a"), 7);
        assert_eq!(share.forget(|job| *job == "a"), 0);
        let due = running.pop().unwrap().end();
        assert_eq!(due, [Arc::new("b")], "there is one place");
        // It ended while this one was being held.
        let due = share.hold(owner(), Arc::new("d"), 1, ended);
        assert_eq!(due, [Arc::new("c")]);
        drop(running.pop());
        assert_eq!(running.pop().unwrap().end(), [Arc::new("d")]);
        assert!(
            share.owners().is_empty(),
            "nothing is kept of who has nothing"
        );
    }

    #[test]
    fn those_that_there_is_no_place_for_yet_are_not_forgotten() {
        let share = Share::of(4);
        let running: Vec<_> = (0..3).map(|_| share.begins(owner())).collect();
        for job in 0..8 {
            assert!(share.hold(owner(), Arc::new(job), 1, 0).is_empty());
        }
        // All end before one of those that come has begun.
        let due = running.into_iter().map(|running| running.end().len());
        assert_eq!(due.collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(share.begins(owner()).end().len(), 2, "the last of eight");
        assert!(share.owners().is_empty());
    }

    #[test]
    fn nothing_is_kept_of_owners_whose_jobs_came_or_broke() {
        let share = Share::of(4);
        share.hold(owner(), Arc::new("a"), 1, 0);
        share.forget(|_| true);
        assert!(share.owners().is_empty(), "it came");
        drop(share.begins(owner()));
        assert!(share.owners().is_empty(), "it broke");
        for number in 0..1_000 {
            let owner = format!("01890a5d-ac96-774b-bcce-{number:012}");
            let ended = share.ended();
            share.hold(owner.parse().unwrap(), Arc::new("a"), 1, ended);
        }
        assert!(share.owners().len() <= OWNERS, "others took them");
    }
}
