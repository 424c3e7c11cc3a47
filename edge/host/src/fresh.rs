//! Numbers for names of requests and spans.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes numbers: a count under two random keys, so that they neither repeat nor tell how many there were.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    keys: [RandomState; 2],
    count: AtomicU64,
}

impl Fresh {
    pub(crate) fn next(&self) -> [u64; 2] {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        self.keys.each_ref().map(|key| key.hash_one(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_comes_twice() {
        let fresh = Fresh::default();
        assert_ne!(fresh.next(), fresh.next());
        assert_ne!(Fresh::default().next(), Fresh::default().next());
    }
}
