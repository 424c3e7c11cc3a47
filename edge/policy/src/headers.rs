//! Which headers cross the edge, and what it adds to its answers.

use sluicegate_contract::headers::{
    CLIENT_ADDRESS, CONTRACT, CONTRACT_VERSION, EDGE_KEY, INWARD, RATE_LIMIT, RATE_LIMIT_POLICY,
    REQUEST_ID, TRACEPARENT,
};

use crate::trace::Trace;

/// Names and values in order. Names are lower case in what this crate makes.
pub type HeaderList = Vec<(String, Vec<u8>)>;

/// The answer's headers that may leave; hop-by-hop ones and everything internal stay inside.
const OUTWARD: &[&str] = &[
    "accept-ranges",
    "age",
    "allow",
    "cache-control",
    "content-digest",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-security-policy",
    "content-type",
    "deprecation",
    "etag",
    "expires",
    "last-modified",
    "link",
    "location",
    RATE_LIMIT,
    RATE_LIMIT_POLICY,
    "repr-digest",
    "retry-after",
    "sunset",
    "vary",
    "www-authenticate",
];

/// Of an answer that is not the page or a picture, unless the origin says otherwise.
const API_CSP: &str = "default-src 'none'; frame-ancestors 'none'";
/// Of a picture: opened by itself it can do nothing.
pub const MEDIA_CSP: &str = "default-src 'none'; sandbox";
/// Of the page.
pub const PAGE_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob: data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; \
    base-uri 'none'";

/// All values under `name`.
pub fn values<'a>(headers: &'a HeaderList, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.as_slice())
}

/// The value under `name`, if there is exactly one and it is text.
pub fn single<'a>(headers: &'a HeaderList, name: &'a str) -> Option<&'a str> {
    let mut found = values(headers, name);
    let value = found.next()?;
    if found.next().is_some() {
        None
    } else {
        std::str::from_utf8(value).ok()
    }
}

/// Several lines of one header, read as the list that they are (RFC 9110, 5.3).
pub fn joined(headers: &HeaderList, name: &str) -> Option<String> {
    let parts: Vec<&str> = values(headers, name)
        .map(std::str::from_utf8)
        .collect::<Result<_, _>>()
        .ok()?;
    if parts.is_empty() {
        None
    } else {
        Some(parts.join(", "))
    }
}

/// Puts `value` in place of all values under `name`.
pub fn set(headers: &mut HeaderList, name: &str, value: impl Into<Vec<u8>>) {
    remove(headers, name);
    headers.push((name.to_owned(), value.into()));
}

/// Takes all values under `name` away.
pub fn remove(headers: &mut HeaderList, name: &str) {
    headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
}

fn set_default(headers: &mut HeaderList, name: &str, value: &str) {
    if values(headers, name).next().is_none() {
        headers.push((name.to_owned(), value.into()));
    }
}

/// What the edge itself tells the origin about a request.
#[derive(Debug, Clone, Copy)]
pub struct Introduction<'a> {
    /// The request's names; they replace the client's.
    pub trace: &'a Trace,
    /// The shared secret, if one is set.
    pub edge_key: Option<&'a str>,
    /// The client's address; told only under an edge key.
    pub client_address: Option<&'a str>,
}

/// The headers of a client's request that reach the origin, and the edge's own.
pub fn inward(from_client: &HeaderList, introduction: Introduction<'_>) -> HeaderList {
    let mut headers: HeaderList = from_client
        .iter()
        .filter(|(name, _)| INWARD.iter().any(|known| known.eq_ignore_ascii_case(name)))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .collect();
    if !introduction.trace.continues {
        remove(&mut headers, "tracestate");
    }
    introduce(&mut headers, introduction);
    headers
}

/// Names the span that a request to the store is caused by, and nothing else: the store is told of no client.
pub fn trace(headers: &mut HeaderList, trace: &Trace) {
    set(headers, TRACEPARENT, trace.traceparent.as_str());
}

/// Adds the edge's own headers, as to a request that the edge makes in a client's name.
pub fn introduce(headers: &mut HeaderList, introduction: Introduction<'_>) {
    set(headers, REQUEST_ID, introduction.trace.request_id.as_str());
    set(
        headers,
        TRACEPARENT,
        introduction.trace.traceparent.as_str(),
    );
    set(headers, CONTRACT, CONTRACT_VERSION);
    if let Some(key) = introduction.edge_key {
        set(headers, EDGE_KEY, key);
        if let Some(address) = introduction.client_address {
            set(headers, CLIENT_ADDRESS, address);
        }
    }
}

/// The headers of the origin's answer that reach the client.
pub fn outward(from_origin: &HeaderList, request_id: &str) -> HeaderList {
    let mut headers: HeaderList = from_origin
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .filter(|(name, _)| OUTWARD.contains(&name.as_str()))
        .collect();
    set(&mut headers, REQUEST_ID, request_id);
    harden(&mut headers);
    headers
}

/// What an answer of the origin says of quotas: for the client's answer, which another call gives.
pub fn quotas(from_origin: &HeaderList) -> HeaderList {
    [RATE_LIMIT_POLICY, RATE_LIMIT]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), joined(from_origin, name)?.into_bytes())))
        .collect()
}

/// Adds what every answer carries, where it is not said already.
pub fn harden(headers: &mut HeaderList) {
    set(headers, "x-content-type-options", "nosniff");
    set(headers, "referrer-policy", "no-referrer");
    set_default(headers, "content-security-policy", API_CSP);
}

/// The client's address from what the host says of the peer (`spin-client-addr`): without the port.
pub fn client_address(peer: &str) -> Option<String> {
    let peer = peer.trim();
    if let Ok(address) = peer.parse::<std::net::SocketAddr>() {
        return Some(address.ip().to_canonical().to_string());
    }
    peer.parse::<std::net::IpAddr>()
        .ok()
        .map(|ip| ip.to_canonical().to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    fn list(pairs: &[(&str, &str)]) -> HeaderList {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).into()))
            .collect()
    }

    static TRACE: LazyLock<Trace> = LazyLock::new(|| Trace {
        request_id: "r1".into(),
        traceparent: "00-1-2-01".into(),
        continues: false,
    });

    fn hello() -> Introduction<'static> {
        Introduction {
            trace: &TRACE,
            edge_key: None,
            client_address: Some("192.0.2.1"),
        }
    }

    #[test]
    fn nothing_but_the_list_goes_in() {
        let sent = list(&[
            ("Authorization", "Bearer t"),
            ("Content-Type", "application/json"),
            ("X-Request-Id", "theirs"),
            ("forwarded", "for=1.2.3.4"),
            ("x-forwarded-for", "1.2.3.4"),
            ("Sluicegate-Edge-Key", "guess"),
            ("sluicegate-client-address", "1.2.3.4"),
            ("sluicegate-contract", "9"),
            ("cookie", "a=b"),
            ("tracestate", "of=another"),
            ("connection", "authorization"),
            ("spin-client-addr", "1.2.3.4:5"),
        ]);
        let got = inward(&sent, hello());
        let names: Vec<&str> = got.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "authorization",
                "content-type",
                "x-request-id",
                "traceparent",
                "sluicegate-contract"
            ]
        );
        assert_eq!(single(&got, "x-request-id"), Some("r1"));
        assert_eq!(single(&got, "sluicegate-contract"), Some("1"));
    }

    #[test]
    fn the_address_is_told_only_under_the_key() {
        let with_key = Introduction {
            edge_key: Some("k"),
            ..hello()
        };
        let got = inward(&list(&[("sluicegate-client-address", "6.6.6.6")]), with_key);
        assert_eq!(single(&got, CLIENT_ADDRESS), Some("192.0.2.1"));
        assert_eq!(single(&got, EDGE_KEY), Some("k"));
        let unknown = Introduction {
            client_address: None,
            ..with_key
        };
        assert_eq!(single(&inward(&Vec::new(), unknown), CLIENT_ADDRESS), None);
    }

    #[test]
    fn internals_do_not_come_out() {
        let answered = list(&[
            ("Content-Type", "application/json"),
            ("ETag", "\"a\""),
            ("RateLimit", "\"a\";r=3"),
            ("RateLimit-Policy", "\"a\";q=4"),
            ("Retry-After", "1"),
            ("server", "origin/1"),
            ("connection", "close"),
            ("transfer-encoding", "chunked"),
            ("sluicegate-edge-key", "k"),
            ("access-control-allow-origin", "*"),
            ("set-cookie", "a=b"),
            ("x-request-id", "inner"),
        ]);
        let got = outward(&answered, "r1");
        let names: Vec<&str> = got.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "content-type",
                "etag",
                "ratelimit",
                "ratelimit-policy",
                "retry-after",
                "x-request-id",
                "x-content-type-options",
                "referrer-policy",
                "content-security-policy",
            ]
        );
        assert_eq!(single(&got, "x-request-id"), Some("r1"));
        let told = quotas(&answered);
        assert_eq!(single(&told, RATE_LIMIT), Some("\"a\";r=3"));
        assert_eq!((told.len(), quotas(&Vec::new()).len()), (2, 0));
        let own_csp = list(&[("content-security-policy", "default-src 'self'")]);
        assert_eq!(
            single(&outward(&own_csp, "r"), "content-security-policy"),
            Some("default-src 'self'")
        );
    }

    #[test]
    fn addresses_lose_their_port() {
        assert_eq!(
            client_address("192.0.2.1:4711").as_deref(),
            Some("192.0.2.1")
        );
        assert_eq!(
            client_address("[2001:db8::1]:80").as_deref(),
            Some("2001:db8::1")
        );
        assert_eq!(
            client_address("[::ffff:192.0.2.1]:80").as_deref(),
            Some("192.0.2.1")
        );
        assert_eq!(client_address("192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(client_address("somebody"), None);
    }

    #[test]
    fn lists_are_joined_and_doubles_are_no_single() {
        let two = list(&[("if-none-match", "\"a\""), ("If-None-Match", "\"b\"")]);
        assert_eq!(
            joined(&two, "if-none-match").as_deref(),
            Some("\"a\", \"b\"")
        );
        assert_eq!(single(&two, "if-none-match"), None);
        assert_eq!(joined(&two, "range"), None);
    }
}
