//! What a request is called in problems, headers and the log.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX: usize = 64;

/// `[A-Za-z0-9_-]{1,64}`: safe in headers, JSON and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestId(String);

impl RequestId {
    fn parse(text: &[u8]) -> Option<Self> {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if text.is_empty() || text.len() > MAX || !text.iter().all(plain) {
            return None;
        }
        String::from_utf8(text.to_vec()).ok().map(Self)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Says in `headers` what the request is called, and nothing else.
    pub(super) fn name(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(self.as_str()) {
            headers.insert(REQUEST_ID, value);
        }
    }
}

/// Makes ids: a count under two random keys, so that they neither repeat nor tell how many there were.
pub(super) struct RequestIds {
    keys: [RandomState; 2],
    count: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        Self {
            keys: [RandomState::new(), RandomState::new()],
            count: AtomicU64::new(0),
        }
    }

    /// The client's id where it gave one that can be used, else a fresh one.
    pub(super) fn identify(&self, headers: &HeaderMap) -> RequestId {
        headers
            .get(REQUEST_ID)
            .and_then(|id| RequestId::parse(id.as_bytes()))
            .unwrap_or_else(|| self.fresh())
    }

    fn fresh(&self) -> RequestId {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let [first, second] = &self.keys;
        RequestId(format!(
            "{:016x}{:016x}",
            first.hash_one(count),
            second.hash_one(count)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identified(sent: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_str(sent).unwrap());
        RequestIds::new().identify(&headers).0
    }

    #[test]
    fn usable_ids_are_kept() {
        let long = "x".repeat(64);
        for good in ["a", "A-b_9", &long] {
            assert_eq!(identified(good), good);
        }
    }

    #[test]
    fn others_are_replaced() {
        let long = "x".repeat(65);
        for bad in ["", "a b", "a.b", "a\"b", "{}", &long] {
            let id = identified(bad);
            assert_ne!(id, bad);
            assert_eq!(id.len(), 32, "{id}");
        }
    }

    #[test]
    fn fresh_ids_differ() {
        let ids = RequestIds::new();
        assert_ne!(ids.fresh(), ids.fresh());
        assert_ne!(RequestIds::new().fresh(), RequestIds::new().fresh());
    }
}
