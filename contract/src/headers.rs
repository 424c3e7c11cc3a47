//! Names of headers beyond the standard ones, and which ones cross the edge.

use crate::limits;

/// Which version of this contract the sender speaks: a number. A request without it speaks version 1.
///
/// Within a version peers of different releases understand each other: only optional members and new
/// endpoints are added, and what a peer does not know it passes over. An origin serves every version up to its own;
/// a request in a newer one it refuses with `unsupported-contract`, so origins are upgraded before edges.
pub const CONTRACT: &str = "sluicegate-contract";
/// The version of this contract.
pub const CONTRACT_VERSION: &str = "1";
/// The secret that edges and origin share (`EDGE_KEY`). Only edges send it, only the origin reads it.
pub const EDGE_KEY: &str = "sluicegate-edge-key";
/// The client's address as the edge saw it; believed only beside a right [`EDGE_KEY`].
pub const CLIENT_ADDRESS: &str = "sluicegate-client-address";
/// Names a request in logs and problems; made where a client sends none.
pub const REQUEST_ID: &str = "x-request-id";
/// W3C Trace Context.
pub const TRACEPARENT: &str = "traceparent";
/// What is left of each quota, or of the limit that was passed (draft-ietf-httpapi-ratelimit-headers-10).
pub const RATE_LIMIT: &str = "ratelimit";
/// The quotas themselves (the same draft).
pub const RATE_LIMIT_POLICY: &str = "ratelimit-policy";
/// What a client chooses to name an upload or another request that creates something by, so that a repeat is the same one.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// On an edge's request for a ticket under an [`IDEMPOTENCY_KEY`]: the SHA-256, in lower-case hex, of the first
/// [`limits::INSPECTED_HEAD`] bytes of the file, or of all of it where it is shorter. By it a repeat with another file is
/// told from the first request. Optional; a header, because origins that do not know it pass over headers alone.
pub const HEAD_SHA256: &str = "sluicegate-head-sha256";
/// The content type of errors (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The request headers of clients that the edge hands to the origin; all others are dropped.
pub const INWARD: &[&str] = &[
    "authorization",
    "content-type",
    "content-length",
    "accept",
    "accept-language",
    "if-none-match",
    "if-match",
    "range",
    IDEMPOTENCY_KEY,
    "repr-digest",
    "last-event-id",
    "user-agent",
    TRACEPARENT,
    "tracestate",
    REQUEST_ID,
];

/// Whether a client may name an upload so: 1 to [`limits::IDEMPOTENCY_KEY_BYTES`] bytes of visible ASCII.
pub fn is_idempotency_key(text: &str) -> bool {
    let fits = (1..=limits::IDEMPOTENCY_KEY_BYTES).contains(&text.len());
    fits && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_short_and_visible() {
        for good in [
            "k",
            "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"",
            &"k".repeat(255),
        ] {
            assert!(is_idempotency_key(good), "{good}");
        }
        for bad in ["", "a b", "\u{e4}", "a\t", &"k".repeat(256)] {
            assert!(!is_idempotency_key(bad), "{bad:?}");
        }
    }
}
