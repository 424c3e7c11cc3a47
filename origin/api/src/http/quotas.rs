//! What is left of an account's quota, in the header fields of draft-ietf-httpapi-ratelimit-headers-10.

use std::fmt::Write;

use http::{HeaderMap, HeaderValue};
use sluicegate_contract::headers::{RATE_LIMIT, RATE_LIMIT_POLICY};
use sluicegate_core::quota::{Bound, Quota, Usage, WINDOW};

/// Both fields. `reset` is the bound that was reached, and the seconds until it is one no more; windows
/// move with the time, so of the others nothing is said of a reset.
pub(crate) fn headers(quota: &Quota, usage: &Usage, reset: Option<(Bound, u32)>) -> HeaderMap {
    let (mut policies, mut left) = (String::new(), String::new());
    for bound in Bound::ALL {
        let name = bound.as_str();
        let separator = if policies.is_empty() { "" } else { ", " };
        let kind = match bound {
            Bound::OpenTickets => r#";qu="concurrent-requests""#.to_owned(),
            Bound::Pictures => format!(r#";qu="requests";w={}"#, WINDOW.as_secs()),
            Bound::Bytes => format!(r#";qu="content-bytes";w={}"#, WINDOW.as_secs()),
        };
        let size = quota.size(bound);
        let unused = quota.left(usage, bound);
        // Writing to a string cannot fail.
        let _ = write!(policies, r#"{separator}"{name}";q={size}{kind}"#);
        let _ = write!(left, r#"{separator}"{name}";r={unused}"#);
        if let Some((_, seconds)) = reset.filter(|(reached, _)| *reached == bound) {
            let _ = write!(left, ";t={seconds}");
        }
    }
    [(RATE_LIMIT_POLICY, policies), (RATE_LIMIT, left)]
        .into_iter()
        .filter_map(|(name, text)| {
            let value = HeaderValue::try_from(text).ok()?;
            Some((http::HeaderName::from_static(name), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_lists_of_the_draft() {
        let quota = Quota {
            open_tickets: 20,
            pictures: 200,
            bytes: 1_000,
        };
        let usage = Usage {
            open_tickets: 1,
            pictures: 3,
            bytes: 1_000,
        };
        let headers = headers(&quota, &usage, Some((Bound::Bytes, 60)));
        assert_eq!(
            headers[RATE_LIMIT_POLICY],
            r#""open-tickets";q=20;qu="concurrent-requests", "pictures-a-day";q=200;qu="requests";w=86400, "bytes-a-day";q=1000;qu="content-bytes";w=86400"#
        );
        assert_eq!(
            headers[RATE_LIMIT],
            r#""open-tickets";r=19, "pictures-a-day";r=197, "bytes-a-day";r=0;t=60"#
        );
    }
}
