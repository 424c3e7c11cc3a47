//! W3C Trace Context.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use sluicegate_contract::headers;

/// A well-formed `traceparent` of version 00.
#[derive(Debug, Clone)]
pub(crate) struct TraceParent(String);

impl TraceParent {
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get(headers::TRACEPARENT)?.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = parts.next()?;
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let well_formed = version == "00"
            && hex(trace, 32)
            && hex(span, 16)
            && hex(flags, 2)
            && parts.next().is_none()
            && [trace, span].iter().all(|id| id.bytes().any(|b| b != b'0'));
        well_formed.then(|| Self(text.to_owned()))
    }

    pub(crate) fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }
}

fn hex(text: &str, length: usize) -> bool {
    text.len() == length
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// What a job carries of the request that caused it.
pub(crate) struct Trace(pub(crate) Option<String>);

impl<S: Sync> FromRequestParts<S> for Trace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(TraceParent::of(&parts.headers).map(|trace| trace.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_ones_are_carried_on() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parsed = TraceParent::parse(good).expect("well formed");
        assert_eq!(parsed.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        for bad in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(TraceParent::parse(bad).is_none(), "{bad:?} must be dropped");
        }
    }
}
