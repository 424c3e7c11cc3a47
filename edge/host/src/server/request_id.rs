//! What a request is called in problems, headers and the log.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::fresh::Fresh;

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

/// Gives every request its id.
#[derive(Default)]
pub(super) struct RequestIds(Fresh);

impl RequestIds {
    /// The client's id where it gave one that can be used, else a fresh one.
    pub(super) fn identify(&self, headers: &HeaderMap) -> RequestId {
        headers
            .get(REQUEST_ID)
            .and_then(|id| RequestId::parse(id.as_bytes()))
            .unwrap_or_else(|| self.fresh())
    }

    fn fresh(&self) -> RequestId {
        let [first, second] = self.0.next();
        RequestId(format!("{first:016x}{second:016x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identified(sent: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_str(sent).unwrap());
        RequestIds::default().identify(&headers).0
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
}
