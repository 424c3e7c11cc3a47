//! Requests counted in this process.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::RequestLimiter;
use sluicegate_core::rate::{Rate, Standing};

/// Parts with a lock each, so that requests on several threads rarely wait for each other.
const PARTS: usize = 16;

/// Counts requests in memory, of at most a given number of keys.
pub struct LocalLimiter {
    env: Env,
    hasher: RandomState,
    parts: Vec<Mutex<Part>>,
    /// Keys of one generation of one part.
    room: usize,
}

/// Two generations of keys. Those that are used move to the newer one; when that is full it becomes the older one, and
/// what nobody used since is forgotten at once, without looking at each.
#[derive(Default)]
struct Part {
    newer: HashMap<Box<str>, i64>,
    older: HashMap<Box<str>, i64>,
}

impl LocalLimiter {
    /// Remembers at least half as many keys as `most`, never more than that (32 at least): some 100 bytes each.
    pub fn new(env: Env, most: usize) -> Self {
        Self {
            env,
            hasher: RandomState::new(),
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            room: (most / PARTS / 2).max(1),
        }
    }
}

impl Part {
    fn admit(&mut self, key: &str, rate: &Rate, now: i64, room: usize) -> Standing {
        if let Some(full_at) = self.newer.get_mut(key) {
            let (standing, next) = rate.admit(Some(*full_at), now);
            *full_at = next.unwrap_or(*full_at);
            return standing;
        }
        let (key, known) = match self.older.remove_entry(key) {
            Some((key, full_at)) => (key, Some(full_at)),
            None => (key.into(), None),
        };
        let (standing, next) = rate.admit(known, now);
        if self.newer.len() >= room {
            self.older = std::mem::take(&mut self.newer);
        }
        if let Some(full_at) = next.or(known) {
            self.newer.insert(key, full_at);
        }
        standing
    }
}

#[async_trait]
impl RequestLimiter for LocalLimiter {
    async fn admit(&self, key: &str, rate: &Rate) -> Result<Standing, PortError> {
        let now = self.env.now().unix_ms().saturating_mul(1_000);
        let hash = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default();
        let Some(part) = self.parts.get(hash % PARTS) else {
            return Err(PortError::failed("limits", "there are no parts"));
        };
        // Each entry is one word: a panic elsewhere cannot have left it half written.
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(part.admit(key, rate, now, self.room))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::system_env;

    fn keys(limiter: &LocalLimiter) -> usize {
        let sizes = limiter.parts.iter().map(|part| {
            let part = part.lock().expect("nobody panicked");
            part.newer.len() + part.older.len()
        });
        sizes.sum()
    }

    #[tokio::test]
    async fn a_flood_of_keys_takes_no_more_room_and_forgets_nobody_who_keeps_asking() {
        let limiter = LocalLimiter::new(system_env(), 6_400);
        let rate = Rate::new(1, Duration::from_hours(1));
        let admitted = async |key: &str| limiter.admit(key, &rate).await.unwrap().admitted;
        assert!(admitted("ada").await);
        for number in 0..50_000 {
            assert!(admitted(&format!("somebody {number}")).await);
            // As often as a generation of her part lasts at the least.
            if number % 100 == 0 {
                assert!(!admitted("ada").await, "forgotten at {number}");
            }
        }
        let keys = keys(&limiter);
        assert!((3_000..=6_400).contains(&keys), "{keys}");
    }
}
