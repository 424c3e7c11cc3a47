//! Which routes are counted together. What costs much, or is worth abusing, has a bucket of its own that is smaller than that
//! of all others.

use http::Method;
use sluicegate_core::limits::RequestLimits;
use sluicegate_core::rate::Rate;

/// A kind of request, by its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Signing up and logging in: each hashes a password.
    LogIns,
    /// Tickets for uploads, and completing them: each asks the store, and may have a picture made.
    Uploads,
    /// Writing and deleting posts: each post is judged.
    Posts,
    /// Lists of posts: each reads many rows.
    Lists,
    /// All other reading.
    Reads,
    /// All other writing.
    Writes,
}

/// A word of ours, which is the policy's name in headers, and how fast.
pub(super) type Named = (&'static str, Rate);

impl Class {
    pub(super) fn of(method: &Method, route: &str) -> Self {
        match (method.as_str(), route) {
            ("POST", "/v1/accounts" | "/v1/sessions") => Self::LogIns,
            (
                "POST",
                "/v1/upload-tickets" | "/edge/v1/upload-tickets" | "/v1/uploads/{id}/complete",
            ) => Self::Uploads,
            ("POST", "/v1/posts") | ("DELETE", "/v1/posts/{id}") => Self::Posts,
            ("GET" | "HEAD", "/v1/posts" | "/v1/profiles/{handle}/posts") => Self::Lists,
            _ if method.is_safe() => Self::Reads,
            _ => Self::Writes,
        }
    }

    /// Whether it is counted by account where there is one. Who logs in is not yet anybody, whatever token they show.
    pub(super) fn is_somebodys(self) -> bool {
        self != Self::LogIns
    }

    /// Of one account. A class without a limit of its own is counted with all others.
    pub(super) fn by_account(self, limits: &RequestLimits) -> Option<Named> {
        let reads = || named("reads-by-account", limits.account_reads);
        let writes = || named("writes-by-account", limits.account_writes);
        match self {
            Self::Uploads => named("uploads-by-account", limits.account_uploads).or_else(writes),
            Self::Posts => named("posts-by-account", limits.account_posts).or_else(writes),
            Self::Lists => named("lists-by-account", limits.account_lists).or_else(reads),
            Self::Reads => reads(),
            Self::LogIns | Self::Writes => writes(),
        }
    }

    /// Of one address, for those who show no token.
    pub(super) fn by_address(self, limits: &RequestLimits) -> Option<Named> {
        let reads = || named("reads-by-address", limits.address_reads);
        let writes = || named("writes-by-address", limits.address_writes);
        match self {
            Self::LogIns => named("log-ins-by-address", limits.address_log_ins).or_else(writes),
            Self::Lists => named("lists-by-address", limits.address_lists).or_else(reads),
            Self::Reads => reads(),
            Self::Uploads | Self::Posts | Self::Writes => writes(),
        }
    }
}

fn named(name: &'static str, rate: Option<Rate>) -> Option<Named> {
    rate.map(|rate| (name, rate))
}
