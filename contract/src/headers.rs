//! Names of headers beyond the standard ones, and which ones cross the edge.

/// Which version of this contract the sender speaks.
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
/// What is left of each quota (draft-ietf-httpapi-ratelimit-headers-10).
pub const RATE_LIMIT: &str = "ratelimit";
/// The quotas themselves (the same draft).
pub const RATE_LIMIT_POLICY: &str = "ratelimit-policy";
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
    "idempotency-key",
    "repr-digest",
    "last-event-id",
    "user-agent",
    TRACEPARENT,
    "tracestate",
    REQUEST_ID,
];
