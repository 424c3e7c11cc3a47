//! What everybody may read, kept in this process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{Found, PublicCache, Versions};
use sluicegate_core::public::{Change, Item, KEPT_BYTES, KEPT_FOR};

/// Keeps as many bytes as it may. It hears of the changes of its own process alone, so it is for an origin that is the only
/// process on its database; beside others it shows a change of theirs up to [`KEPT_FOR`] late.
pub struct LocalCache {
    env: Env,
    most: usize,
    state: Mutex<State>,
}

/// All topics have one version: a change forgets everything. What is kept is read again within a moment, and a version a
/// topic would have to be bounded, too.
#[derive(Default)]
struct State {
    version: u64,
    bytes: usize,
    kept: HashMap<String, Kept>,
}

struct Kept {
    content: Vec<u8>,
    at: Timestamp,
}

impl LocalCache {
    /// Of at most so many bytes.
    pub fn new(env: Env, most: usize) -> Self {
        Self {
            env,
            most,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Lost entries are nobody's loss, and the version is one word.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn clear(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }
}

impl Kept {
    /// A clock that was set back must not keep it for longer.
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.at <= now && now.since(self.at) < KEPT_FOR
    }
}

#[async_trait]
impl PublicCache for LocalCache {
    async fn get(&self, item: &Item) -> Result<Found, PortError> {
        let now = self.env.now();
        let state = self.state();
        let kept = state.kept.get(item.name());
        Ok(match kept.filter(|kept| kept.is_fresh(now)) {
            Some(kept) => Found::Kept(kept.content.clone()),
            None => Found::Missing(Some(Versions(state.version.to_string()))),
        })
    }

    async fn put(
        &self,
        item: &Item,
        read_under: &Versions,
        content: &[u8],
    ) -> Result<(), PortError> {
        let (now, size) = (self.env.now(), content.len() + item.name().len());
        let mut state = self.state();
        if read_under.0 != state.version.to_string()
            || content.len() > KEPT_BYTES
            || size > self.most
        {
            return Ok(());
        }
        if state.bytes + size > self.most {
            state.kept.retain(|_, kept| kept.is_fresh(now));
            let left = state
                .kept
                .iter()
                .map(|(name, kept)| name.len() + kept.content.len());
            state.bytes = left.sum();
            if state.bytes + size > self.most {
                state.clear();
            }
        }
        let kept = Kept {
            content: content.to_vec(),
            at: now,
        };
        let before = state.kept.insert(item.name().to_owned(), kept);
        let freed = before.map_or(0, |before| before.content.len() + item.name().len());
        state.bytes = (state.bytes + size).saturating_sub(freed);
        Ok(())
    }

    async fn forget(&self, _: Change) -> Result<(), PortError> {
        let mut state = self.state();
        state.version += 1;
        state.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_contract::ids::PostId;

    use super::*;
    use crate::system_env;

    #[tokio::test]
    async fn it_takes_no_more_room_than_it_may() {
        let cache = LocalCache::new(system_env(), 10_000);
        let mut kept = 0;
        for _ in 0..1_000 {
            let item = Item::post("open", PostId(cache.env.new_id()));
            let Found::Missing(Some(versions)) = cache.get(&item).await.unwrap() else {
                panic!("nobody put it");
            };
            cache.put(&item, &versions, &[7; 100]).await.unwrap();
            kept += usize::from(cache.get(&item).await.unwrap() == Found::Kept(vec![7; 100]));
            let state = cache.state();
            let sum: usize = state
                .kept
                .iter()
                .map(|(name, kept)| name.len() + kept.content.len())
                .sum();
            assert!(state.bytes <= 10_000 && state.bytes == sum, "{sum}");
        }
        assert_eq!(kept, 1_000);
    }
}
