//! What everybody may read, kept in this process.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sluicegate_contract::ids::AccountId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{Found, PublicCache, Versions};
use sluicegate_core::public::{Change, Item, KEPT_BYTES, KEPT_FOR, SHARES, accounts, share};

/// Topics are remembered by hash, so that no number of them takes more room: those that fall together are forgotten together.
const PLACES: u64 = 1_024;

/// Keeps as many bytes as it may. It hears of the changes of its own process alone, so it is for an origin that is the only
/// process on its database; beside others it shows a change of theirs up to [`KEPT_FOR`] late.
pub struct LocalCache {
    env: Env,
    most: usize,
    settles: Duration,
    hasher: RandomState,
    state: Mutex<State>,
}

struct State {
    /// Of changes.
    number: u64,
    /// The last change of each place that had one.
    changed: HashMap<u64, Changed>,
    /// Of the process.
    began: Changed,
    bytes: usize,
    kept: HashMap<String, Kept>,
}

#[derive(Clone, Copy)]
struct Changed {
    number: u64,
    at: Timestamp,
}

struct Kept {
    content: Vec<u8>,
    at: Timestamp,
    /// The last change of what it may hang on before it was read.
    read_at: u64,
    places: Vec<u64>,
}

impl LocalCache {
    /// Of at most so many bytes. What is read `settles` after a change or later shows that change: for as long nothing is kept
    /// that hangs on it. No time, unless copies of the database are read.
    pub fn new(env: Env, most: usize, settles: Duration) -> Self {
        let began = Changed {
            number: 0,
            at: env.now(),
        };
        let state = State {
            number: 0,
            changed: HashMap::new(),
            began,
            bytes: 0,
            kept: HashMap::new(),
        };
        Self {
            env,
            most,
            settles,
            hasher: RandomState::new(),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Lost entries are nobody's loss, and each change is one entry.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, topic: &str) -> u64 {
        self.hasher.hash_one(topic) % PLACES
    }

    fn own_place(&self, item: &Item) -> Option<u64> {
        item.topic().map(|topic| self.place(topic))
    }

    /// When somebody reads who may keep it: by the tenth of a second, so that those who read at once are told the same.
    /// Nobody asks where nothing has to settle.
    fn time_of_reading(&self, now: Timestamp) -> i64 {
        if self.settles.is_zero() {
            return 0;
        }
        now.unix_ms() / 100 * 100
    }

    fn has_settled(&self, changed: Changed, time_of_reading: i64) -> bool {
        let settled = changed.at.plus(self.settles);
        self.settles.is_zero() || settled.unix_ms() <= time_of_reading
    }
}

impl State {
    fn changed(&self, place: u64) -> Changed {
        self.changed.get(&place).copied().unwrap_or(self.began)
    }

    fn holds(&self, kept: &Kept, now: Timestamp) -> bool {
        let unchanged = |&place| self.changed(place).number <= kept.read_at;
        kept.is_fresh(now) && kept.places.iter().all(unchanged)
    }

    /// Lets go of what nobody is shown any more, and of all of it if that is not enough.
    fn make_room(&mut self, size: usize, most: usize, now: Timestamp) {
        let mut kept = std::mem::take(&mut self.kept);
        kept.retain(|_, kept| self.holds(kept, now));
        let left = kept.iter().map(|(name, kept)| kept.size(name));
        self.bytes = left.sum();
        self.kept = kept;
        if self.bytes + size > most {
            self.kept.clear();
            self.bytes = 0;
        }
    }
}

impl Kept {
    /// A clock that was set back must not keep it for longer.
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.at <= now && now.since(self.at) < KEPT_FOR
    }

    fn size(&self, name: &str) -> usize {
        name.len() + self.content.len()
    }
}

fn parse(versions: &Versions) -> Option<(u64, i64)> {
    let (number, time_of_reading) = versions.0.split_once(' ')?;
    Some((number.parse().ok()?, time_of_reading.parse().ok()?))
}

#[async_trait]
impl PublicCache for LocalCache {
    async fn get(&self, item: &Item) -> Result<Found, PortError> {
        let now = self.env.now();
        let state = self.state();
        let kept = state.kept.get(item.name());
        if let Some(kept) = kept.filter(|kept| state.holds(kept, now)) {
            return Ok(Found::Kept(kept.content.clone()));
        }
        let reading = self.time_of_reading(now);
        let own = self.own_place(item).map(|place| state.changed(place));
        let settled = own.is_none_or(|changed| self.has_settled(changed, reading));
        // Whose it is shows when it is read: a change of any account may be one of it.
        let shares = if item.is_owned() { SHARES } else { 0 };
        let accounts = (0..shares).map(|share| state.changed(self.place(&accounts(share))));
        let changes = accounts.chain(own).map(|changed| changed.number);
        let versions = Versions(format!("{} {reading}", changes.max().unwrap_or_default()));
        Ok(Found::Missing(settled.then_some(versions)))
    }

    async fn put(
        &self,
        item: &Item,
        read_under: &Versions,
        owner: Option<AccountId>,
        content: &[u8],
    ) -> Result<(), PortError> {
        let (now, size) = (self.env.now(), content.len() + item.name().len());
        let Some((number, reading)) = parse(read_under) else {
            return Ok(());
        };
        let mut places: Vec<u64> = self.own_place(item).into_iter().collect();
        match owner {
            Some(owner) if item.is_owned() => places.push(self.place(&accounts(share(owner)))),
            None if item.is_owned() => return Ok(()),
            _ => {}
        }
        let mut state = self.state();
        let may = places.iter().all(|&place| {
            let changed = state.changed(place);
            changed.number <= number && self.has_settled(changed, reading)
        });
        if !may || content.len() > KEPT_BYTES || size > self.most {
            return Ok(());
        }
        if state.bytes + size > self.most {
            state.make_room(size, self.most, now);
        }
        let kept = Kept {
            content: content.to_vec(),
            at: now,
            read_at: number,
            places,
        };
        let before = state.kept.insert(item.name().to_owned(), kept);
        let freed = before.map_or(0, |before| before.size(item.name()));
        state.bytes = (state.bytes + size).saturating_sub(freed);
        Ok(())
    }

    async fn forget(&self, change: Change) -> Result<(), PortError> {
        let at = self.env.now();
        let mut state = self.state();
        state.number += 1;
        let number = state.number;
        for topic in change.topics() {
            let place = self.place(&topic);
            state.changed.insert(place, Changed { number, at });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_contract::ids::PostId;

    use super::*;
    use crate::system_env;

    async fn keep(cache: &LocalCache, owner: AccountId) -> Item {
        let item = Item::post("open", PostId(cache.env.new_id()));
        let Found::Missing(Some(versions)) = cache.get(&item).await.unwrap() else {
            panic!("nobody put it");
        };
        let put = cache.put(&item, &versions, Some(owner), &[7; 100]);
        put.await.unwrap();
        item
    }

    #[tokio::test]
    async fn it_takes_no_more_room_than_it_may() {
        let cache = LocalCache::new(system_env(), 10_000, Duration::ZERO);
        let owner = AccountId(cache.env.new_id());
        let mut kept = 0;
        for _ in 0..1_000 {
            let item = keep(&cache, owner).await;
            kept += usize::from(cache.get(&item).await.unwrap() == Found::Kept(vec![7; 100]));
            let state = cache.state();
            let sum: usize = state.kept.iter().map(|(name, kept)| kept.size(name)).sum();
            assert!(state.bytes <= 10_000 && state.bytes == sum, "{sum}");
        }
        assert_eq!(kept, 1_000);
        for _ in 0..10_000 {
            let post = PostId(cache.env.new_id());
            cache.forget(Change::Post(post)).await.unwrap();
        }
        let places = cache.state().changed.len();
        assert!(u64::try_from(places).unwrap() <= PLACES, "{places}");
    }

    #[tokio::test]
    async fn what_does_not_change_keeps_its_versions() {
        let profile = Item::profile("open", "ada");
        // Topics may fall together, but not in each of so many.
        let mut same = 0;
        for _ in 0..16 {
            let cache = LocalCache::new(system_env(), 10_000, Duration::ZERO);
            let before = cache.get(&profile).await.unwrap();
            cache.forget(Change::NewPost).await.unwrap();
            same += usize::from(cache.get(&profile).await.unwrap() == before);
        }
        assert!(same > 0);
    }
}
