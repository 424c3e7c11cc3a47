//! W3C Trace Context.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use sluicegate_contract::headers;
use sluicegate_contract::trace::SpanContext;

/// What the request says that caused it.
pub(crate) fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    SpanContext::parse(headers.get(headers::TRACEPARENT)?.to_str().ok()?)
}

/// What a job carries of the request that caused it: the request's own span, as the outermost layer noted it.
pub(crate) struct Trace(pub(crate) Option<String>);

impl<S: Sync> FromRequestParts<S> for Trace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let own = parts.extensions.get::<SpanContext>();
        Ok(Self(own.map(ToString::to_string)))
    }
}
