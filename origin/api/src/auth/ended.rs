//! Sessions that are over, while tokens of theirs are good yet.

use std::collections::HashSet;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sluicegate_contract::ids::SessionId;

/// How many are remembered: at least half of them, the latest.
const MOST: usize = 8_192;

/// Those that were ended here, and those that somebody showed a token of. What is asked with one is refused, and must not use up
/// what its owner may ask.
#[derive(Default)]
pub(crate) struct Ended(Mutex<Generations>);

/// When the newer one is full it becomes the older one.
#[derive(Default)]
struct Generations {
    newer: HashSet<SessionId>,
    older: HashSet<SessionId>,
}

impl Ended {
    pub(crate) fn note(&self, session: SessionId) {
        let mut all = self.all();
        if all.newer.len() >= MOST / 2 {
            all.older = mem::take(&mut all.newer);
        }
        all.newer.insert(session);
    }

    pub(crate) fn has(&self, session: SessionId) -> bool {
        let all = self.all();
        all.newer.contains(&session) || all.older.contains(&session)
    }

    fn all(&self) -> MutexGuard<'_, Generations> {
        // Each entry stands for itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_no_more_than_there_is_room_for() {
        let ended = Ended::default();
        let session = |number: usize| {
            let number = u128::try_from(number).expect("it fits");
            SessionId(uuid::Uuid::from_u128(number))
        };
        for number in 0..3 * MOST {
            ended.note(session(number));
            assert!(ended.has(session(number)));
            assert!(ended.has(session(number.saturating_sub(MOST / 2 - 1))));
        }
        assert!(!ended.has(session(0)));
        let all = ended.all();
        assert!(all.newer.len() + all.older.len() <= MOST);
    }
}
