//! The outermost layer: names the request, logs it, and finishes the answer.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use sluicegate_contract::headers as names;
use sluicegate_contract::problem::Problem;
use sluicegate_core::trace::caused_by;
use tracing::Instrument;

use super::trace::parent;
use crate::state::App;

const LONGEST_REQUEST_ID: usize = 64;

pub(crate) async fn around(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = request_id(request.headers()).unwrap_or_else(|| app.env.new_id().to_string());
    let parent = parent(request.headers());
    let own = caused_by(parent.as_ref(), &app.env);
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    let span = tracing::info_span!(
        "request",
        id,
        method = %request.method(),
        path,
        trace_id = own.trace_id(),
        span_id = own.span_id(),
        parent_span_id = parent.map(|parent| parent.span_id()),
        sampled = (!own.sampled).then_some(false),
        account = tracing::field::Empty,
        role = tracing::field::Empty,
        status = tracing::field::Empty,
    );
    request.extensions_mut().insert(own);
    let began = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let response = finish(response, &id);
    let status = response.status().as_u16();
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status, ms, "answered"));
    span.record("status", status);
    response
}

/// The client's, if it is short and harmless.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(names::REQUEST_ID)?.to_str().ok()?;
    let harmless = id
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (harmless && (1..=LONGEST_REQUEST_ID).contains(&id.len())).then(|| id.to_owned())
}

fn finish(mut response: Response, id: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        write_problem(&mut response, &problem.instance(id));
    }
    let headers = response.headers_mut();
    headers.insert(
        names::CONTRACT,
        HeaderValue::from_static(names::CONTRACT_VERSION),
    );
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(names::REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // What is answered is somebody's own, unless an endpoint says that it is not.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

fn write_problem(response: &mut Response, problem: &Problem) {
    let json = serde_json::to_vec(problem).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(names::PROBLEM_JSON),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(json.len()));
    *response.body_mut() = Body::from(json);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_request_ids_are_taken_over() {
        let id = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(names::REQUEST_ID, value.parse().expect("a header"));
            request_id(&headers)
        };
        assert_eq!(id("a-B_9").as_deref(), Some("a-B_9"));
        for bad in ["", "a b", "<x>", "a.b", &"a".repeat(65)] {
            assert_eq!(id(bad), None, "{bad:?} must not be taken over");
        }
    }
}
