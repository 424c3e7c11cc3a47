//! Which other sites' pages may call the API. By default none.

use crate::headers::{HeaderList, set, single, values};
use crate::routes::API;

const REQUEST_HEADERS: &str = "authorization, content-type, accept, accept-language, if-none-match, \
    if-match, range, idempotency-key, repr-digest, last-event-id, traceparent, tracestate, \
    x-request-id";
const EXPOSED: &str = "etag, location, retry-after, x-request-id, content-range, ratelimit, \
    ratelimit-policy";
/// Seconds that a browser may remember a preflight's answer.
const MAX_AGE: &str = "600";

/// The allowed origins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    any: bool,
    origins: Vec<String>,
}

impl Cors {
    /// From a comma-separated list of origins such as `https://app.example`; `*` allows all, which is
    /// safe in so far as nothing here is authenticated by cookies.
    pub fn parse(list: &str) -> Self {
        let named: Vec<&str> = list
            .split(',')
            .map(str::trim)
            .filter(|o| !o.is_empty())
            .collect();
        Self {
            any: named.contains(&"*"),
            origins: named
                .into_iter()
                .map(|o| o.trim_end_matches('/').to_owned())
                .collect(),
        }
    }

    fn allows(&self, origin: &str) -> bool {
        self.any || self.origins.iter().any(|allowed| allowed == origin)
    }

    /// The headers of the answer to a preflight; `None` where the request is none, or of an origin
    /// that is not allowed.
    pub fn preflight(&self, method: &str, request: &HeaderList) -> Option<HeaderList> {
        let asks = values(request, "access-control-request-method")
            .next()
            .is_some();
        if method != "OPTIONS" || !asks {
            return None;
        }
        let origin = single(request, "origin").filter(|origin| self.allows(origin))?;
        let mut headers = HeaderList::new();
        set(&mut headers, "access-control-allow-origin", origin);
        set(&mut headers, "access-control-allow-methods", API);
        set(
            &mut headers,
            "access-control-allow-headers",
            REQUEST_HEADERS,
        );
        set(&mut headers, "access-control-max-age", MAX_AGE);
        headers.push(("vary".into(), "origin".into()));
        Some(headers)
    }

    /// Adds what lets the page of an allowed origin read the answer.
    pub fn share(&self, request: &HeaderList, answer: &mut HeaderList) {
        if self.any || !self.origins.is_empty() {
            answer.push(("vary".into(), "origin".into()));
        }
        if let Some(origin) = single(request, "origin").filter(|origin| self.allows(origin)) {
            set(answer, "access-control-allow-origin", origin);
            set(answer, "access-control-expose-headers", EXPOSED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: &str) -> HeaderList {
        vec![
            ("origin".into(), origin.into()),
            ("access-control-request-method".into(), "POST".into()),
        ]
    }

    #[test]
    fn by_default_nobody_is_allowed() {
        let none = Cors::parse("");
        assert_eq!(none.preflight("OPTIONS", &from("https://a.example")), None);
        let mut answer = HeaderList::new();
        none.share(&from("https://a.example"), &mut answer);
        assert!(answer.is_empty());
    }

    #[test]
    fn only_the_named_are_allowed() {
        let cors = Cors::parse("https://a.example, https://b.example/");
        assert!(
            cors.preflight("OPTIONS", &from("https://b.example"))
                .is_some()
        );
        assert!(cors.preflight("POST", &from("https://b.example")).is_none());
        for origin in [
            "https://c.example",
            "http://a.example",
            "https://a.example.evil",
            "null",
        ] {
            assert_eq!(cors.preflight("OPTIONS", &from(origin)), None, "{origin}");
            let mut answer = HeaderList::new();
            cors.share(&from(origin), &mut answer);
            assert_eq!(single(&answer, "access-control-allow-origin"), None);
            assert_eq!(single(&answer, "vary"), Some("origin"));
        }
        let mut answer = HeaderList::new();
        cors.share(&from("https://a.example"), &mut answer);
        assert_eq!(
            single(&answer, "access-control-allow-origin"),
            Some("https://a.example")
        );
    }
}
