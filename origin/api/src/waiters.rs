//! Places for those who wait for a change: so many at once, and of one account only a few.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluicegate_contract::ids::AccountId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who waits in this process.
pub(crate) struct Waiters {
    all: Arc<Semaphore>,
    most_each: usize,
    /// Has an entry for each account that holds a place, so no more than there are places.
    held: Mutex<HashMap<AccountId, usize>>,
}

impl Waiters {
    /// `most` places, of which one account gets `most_each`.
    pub(crate) fn new(most: usize, most_each: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(most)),
            most_each,
            held: Mutex::default(),
        }
    }

    /// A place, held until it is dropped. `None` if all are taken, or the account has its share.
    pub(crate) fn enter(self: &Arc<Self>, account: AccountId) -> Option<Place> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut held = self.held();
        let already = held.get(&account).copied().unwrap_or(0);
        if already >= self.most_each {
            return None;
        }
        held.insert(account, already + 1);
        Some(Place {
            waiters: Arc::clone(self),
            account,
            _permit: permit,
        })
    }

    fn leave(&self, account: AccountId) {
        let mut held = self.held();
        if let Some(places) = held.get_mut(&account) {
            *places = places.saturating_sub(1);
            if *places == 0 {
                held.remove(&account);
            }
        }
    }

    /// No change of it can be left half done.
    fn held(&self) -> MutexGuard<'_, HashMap<AccountId, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the places.
pub(crate) struct Place {
    waiters: Arc<Waiters>,
    account: AccountId,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiters.leave(self.account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u128) -> AccountId {
        AccountId(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn one_account_cannot_take_all_places() {
        let waiters = Arc::new(Waiters::new(3, 2));
        let first = waiters.enter(account(1)).expect("a place");
        let _second = waiters.enter(account(1)).expect("another place");
        assert!(waiters.enter(account(1)).is_none(), "it has its share");
        let other = waiters.enter(account(2)).expect("what is left");
        assert!(waiters.enter(account(3)).is_none(), "all are taken");
        drop(first);
        let _again = waiters.enter(account(1)).expect("its own place again");
        drop(other);
        assert_eq!(waiters.held().len(), 1, "who left is forgotten");
        assert!(waiters.enter(account(3)).is_some());
    }
}
