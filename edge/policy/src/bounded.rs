//! A map that never grows beyond its capacity and never gives back what has expired.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::UnixSeconds;

struct Entry<V> {
    value: V,
    expires_at: UnixSeconds,
    used: bool,
}

/// Keeps the entries that are asked for: when it is full the oldest goes, unless it was used since
/// it was last spared (the "second chance" approximation of least recently used).
pub struct Bounded<K, V> {
    entries: HashMap<K, Entry<V>>,
    queue: VecDeque<K>,
    capacity: usize,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    /// An empty map for at most `capacity` entries; at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            queue: VecDeque::new(),
            capacity: capacity.max(1),
        }
    }

    /// The value under `key`, if it is there and `now` is before its expiry.
    pub fn get<Q>(&mut self, key: &Q, now: UnixSeconds) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let entry = self.entries.get_mut(key)?;
        if now >= entry.expires_at {
            return None;
        }
        entry.used = true;
        Some(&entry.value)
    }

    /// Keeps `value` until `expires_at`, in place of what was there.
    pub fn insert(&mut self, key: K, value: V, expires_at: UnixSeconds, now: UnixSeconds) {
        if now >= expires_at {
            self.forget(&key);
            return;
        }
        let entry = Entry {
            value,
            expires_at,
            used: false,
        };
        if let Some(place) = self.entries.get_mut(&key) {
            *place = entry;
            return;
        }
        while self.entries.len() >= self.capacity {
            self.evict(now);
        }
        self.queue.push_back(key.clone());
        self.entries.insert(key, entry);
    }

    /// Makes sure that `key` is not given back any more.
    pub fn forget<Q>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(entry) = self.entries.get_mut(key) {
            // Its place in the queue is found again when its turn comes.
            entry.expires_at = 0;
        }
    }

    /// Entries held, expired ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn evict(&mut self, now: UnixSeconds) {
        while let Some(key) = self.queue.pop_front() {
            match self.entries.get_mut(&key) {
                Some(entry) if entry.used && now < entry.expires_at => {
                    entry.used = false;
                    self.queue.push_back(key);
                }
                _ => {
                    self.entries.remove(&key);
                    return;
                }
            }
        }
        // The queue names every entry, so this is never reached with entries left.
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gives_back_only_what_has_not_expired() {
        let mut map = Bounded::new(4);
        map.insert("a", 1, 100, 50);
        assert_eq!(map.get("a", 99), Some(&1));
        assert_eq!(map.get("a", 100), None);
        map.insert("a", 2, 200, 150);
        assert_eq!(map.get("a", 150), Some(&2));
        map.forget("a");
        assert_eq!(map.get("a", 150), None);
    }

    #[test]
    fn spares_what_is_used() {
        let mut map = Bounded::new(2);
        map.insert("kept", 1, 100, 0);
        map.insert("idle", 2, 100, 0);
        assert!(map.get("kept", 1).is_some());
        map.insert("new", 3, 100, 1);
        assert!(map.get("kept", 1).is_some());
        assert!(map.get("idle", 1).is_none());
    }

    proptest! {
        #[test]
        fn never_exceeds_its_capacity(
            steps in prop::collection::vec((0u8..20, 0u64..50, any::<bool>()), 0..200),
            capacity in 1usize..6,
        ) {
            let mut map = Bounded::new(capacity);
            for (now, (key, lifetime, read)) in steps.into_iter().enumerate() {
                let now = now as u64;
                if read {
                    if let Some(expires_at) = map.get(&key, now) {
                        prop_assert!(now < *expires_at);
                    }
                } else {
                    map.insert(key, now + lifetime, now + lifetime, now);
                }
                prop_assert!(map.len() <= capacity);
                prop_assert!(map.queue.len() == map.len());
            }
        }
    }
}
