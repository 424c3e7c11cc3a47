//! Spans of the requests that the host serves and of those that components send, for an OpenTelemetry collector.
//!
//! With a collector, what a component is given names the host's span as its parent (`traceparent`), and so does what it
//! sends: origin and store see the host's call as theirs. Without one, headers are left to the component.

mod collector;
mod span;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Request, Uri};
use sluicegate_contract::headers::TRACEPARENT as TRACEPARENT_NAME;
use sluicegate_contract::trace::SpanContext;
use sluicegate_otlp::{Exporting, Kind, Resource, SpanSink};

use crate::fresh::Fresh;
use collector::HttpCollector;
pub(crate) use span::OpenSpan;

const TRACEPARENT: HeaderName = HeaderName::from_static(TRACEPARENT_NAME);
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Where spans go.
#[derive(Clone)]
pub struct TraceSettings {
    /// The collector's URL for traces.
    pub endpoint: Uri,
    /// Sent to it each time; may hold secrets.
    pub headers: HeaderMap,
    /// What this program is called there.
    pub service: String,
    /// How many of all traces, 0 to 1.
    pub ratio: f64,
    /// Tells the time: spans of several processes meet on the wall clock.
    pub now: fn() -> SystemTime,
}

impl fmt::Debug for TraceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceSettings")
            .field("endpoint", &self.endpoint)
            .field("headers", &"(hidden)")
            .field("service", &self.service)
            .field("ratio", &self.ratio)
            .finish_non_exhaustive()
    }
}

/// `OTEL_EXPORTER_OTLP_ENDPOINT`, where it may be empty.
#[derive(Debug, Clone)]
pub struct Endpoint(pub Option<Uri>);

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        collector::endpoint(text).map(Self)
    }
}

/// `OTEL_EXPORTER_OTLP_HEADERS`, where it may be empty.
#[derive(Clone, Default)]
pub struct CollectorHeaders(pub HeaderMap);

impl FromStr for CollectorHeaders {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        collector::headers(text).map(Self)
    }
}

impl fmt::Debug for CollectorHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Begins spans. Clones are one; the default begins none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tracer(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    sink: SpanSink,
    fresh: Fresh,
    now: fn() -> SystemTime,
}

/// A tracer, and what sends its spans; within a runtime.
pub(crate) fn start(settings: &TraceSettings) -> (Tracer, Exporting) {
    let (sink, exporter) = sluicegate_otlp::spans(settings.ratio);
    let collector = HttpCollector::new(settings.endpoint.clone(), settings.headers.clone());
    let exporting = exporter.start(collector, Resource::new(&settings.service));
    tracing::info!("traces: sent to {}", settings.endpoint);
    (Tracer::new(sink, settings.now), exporting)
}

impl Tracer {
    fn new(sink: SpanSink, now: fn() -> SystemTime) -> Self {
        Self(Some(Arc::new(Inner {
            sink,
            fresh: Fresh::default(),
            now,
        })))
    }

    /// A client's request. What the client says of its own trace goes on in it.
    pub(crate) fn request(&self, headers: &mut HeaderMap) -> Option<OpenSpan> {
        let inner = self.0.as_ref()?;
        let parent = parent(headers);
        let own = if let Some(parent) = &parent {
            parent.child(inner.span())
        } else {
            headers.remove(TRACESTATE);
            SpanContext::root(inner.trace())
        };
        name(headers, &own);
        inner.begin(own, parent, Kind::Server)
    }

    /// A request that a component sends; one that names no trace belongs to none.
    pub(crate) fn call<B>(&self, request: &mut Request<B>) -> Option<OpenSpan> {
        let inner = self.0.as_ref()?;
        let parent = parent(request.headers())?;
        let own = parent.child(inner.span());
        name(request.headers_mut(), &own);
        let mut span = inner.begin(own, Some(parent), Kind::Client)?;
        span.asks(request.method(), request.uri());
        Some(span)
    }

    /// Spans that were given up; `None` where nothing is traced.
    pub(crate) fn lost(&self) -> Option<u64> {
        self.0.as_ref().map(|inner| inner.sink.lost())
    }
}

impl Inner {
    fn begin(
        self: &Arc<Self>,
        own: SpanContext,
        parent: Option<SpanContext>,
        kind: Kind,
    ) -> Option<OpenSpan> {
        let wanted = own.sampled && self.sink.wants(own.low_half());
        wanted.then(|| OpenSpan::begin(self.sink.clone(), (self.now)(), own, parent, kind))
    }

    fn span(&self) -> [u8; 8] {
        let [span, _] = self.fresh.next();
        span.to_be_bytes()
    }

    fn trace(&self) -> [u8; 24] {
        let ([first, second], span) = (self.fresh.next(), self.span());
        let mut bytes = [0; 24];
        let all = [first.to_be_bytes(), second.to_be_bytes(), span];
        for (byte, fresh) in bytes.iter_mut().zip(all.as_flattened()) {
            *byte = *fresh;
        }
        bytes
    }
}

/// What a request names as its parent; one that names several names none.
fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut all = headers.get_all(TRACEPARENT).iter();
    let only = all.next().filter(|_| all.next().is_none())?;
    SpanContext::parse(only.to_str().ok()?)
}

fn name(headers: &mut HeaderMap, own: &SpanContext) {
    if let Ok(value) = HeaderValue::try_from(own.to_string()) {
        headers.insert(TRACEPARENT, value);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http::{Method, StatusCode};
    use sluicegate_otlp::{Exporter, Span};

    use super::*;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn tracer(ratio: f64) -> (Tracer, Exporter) {
        let (sink, exporter) = sluicegate_otlp::spans(ratio);
        let now = || UNIX_EPOCH + Duration::from_secs(7);
        (Tracer::new(sink, now), exporter)
    }

    fn headers(all: &[(HeaderName, &str)]) -> HeaderMap {
        let pair = |(name, value): &(HeaderName, &str)| (name.clone(), value.parse().unwrap());
        all.iter().map(pair).collect()
    }

    fn call(headers: &HeaderMap) -> Request<()> {
        let uri = "http://store:9000/bucket/key?X-Amz-Signature=secret";
        let mut call = Request::put(uri).body(()).unwrap();
        *call.headers_mut() = headers.clone();
        call
    }

    fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a serde_json::Value> {
        let found = span.attributes.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value)
    }

    #[test]
    fn a_call_is_below_its_request_and_that_below_the_clients() {
        let (tracer, mut exporter) = tracer(1.0);
        let mut head = headers(&[(TRACEPARENT, SENT), (TRACESTATE, "a=b")]);
        let request = tracer.request(&mut head).unwrap();
        assert_eq!(head[TRACESTATE], "a=b");
        let mut sent = call(&head);
        let mut asked = tracer.call(&mut sent).unwrap();
        asked.answered(StatusCode::OK);
        drop(asked);
        drop(request);
        let [call, request] = &exporter.take()[..] else {
            panic!("two spans");
        };
        assert_eq!(request.parent.as_deref(), Some("00f067aa0ba902b7"));
        assert_eq!(call.parent.as_deref(), Some(&*request.id));
        assert_eq!((request.kind, call.kind), (Kind::Server, Kind::Client));
        let seen = SpanContext::parse(sent.headers()[TRACEPARENT].to_str().unwrap()).unwrap();
        assert_eq!(
            (seen.trace_id(), seen.span_id()),
            (call.trace.clone(), call.id.clone())
        );
        assert_eq!(call.trace, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(request.began, 7_000_000_000);
        assert_eq!((&*call.name, call.error.as_deref()), ("PUT", None));
        assert_eq!(attribute(call, "server.address").unwrap(), "store");
        assert_eq!(attribute(call, "url.path").unwrap(), "/bucket/key");
        assert!(!format!("{call:?}").contains("secret"));
    }

    #[test]
    fn a_trace_begins_where_the_client_names_none() {
        let (tracer, mut exporter) = tracer(1.0);
        for sent in [
            headers(&[(TRACESTATE, "a=b")]),
            headers(&[(TRACEPARENT, "nonsense"), (TRACESTATE, "a=b")]),
            headers(&[(TRACEPARENT, SENT), (TRACEPARENT, SENT)]),
        ] {
            let mut head = sent;
            drop(tracer.request(&mut head));
            let span = exporter.take().pop().unwrap();
            assert_eq!(span.parent, None);
            assert_eq!(head.get_all(TRACEPARENT).iter().count(), 1);
            assert!(parent(&head).is_some_and(|own| own.span_id() == span.id));
            assert!(!head.contains_key(TRACESTATE));
        }
    }

    #[test]
    fn what_nobody_wants_is_named_all_the_same() {
        let unwanted = SENT.replace("-01", "-00");
        for (ratio, sent) in [(0.0, SENT), (1.0, &*unwanted)] {
            let (tracer, mut exporter) = tracer(ratio);
            let mut head = headers(&[(TRACEPARENT, sent)]);
            assert!(tracer.request(&mut head).is_none());
            assert_ne!(head[TRACEPARENT], sent);
            assert!(tracer.call(&mut call(&head)).is_none());
            assert!(exporter.take().is_empty());
        }
    }

    #[test]
    fn a_call_that_got_no_answer_says_so() {
        let (tracer, mut exporter) = tracer(1.0);
        let head = headers(&[(TRACEPARENT, SENT)]);
        drop(tracer.call(&mut call(&head)));
        let mut failed = tracer.call(&mut call(&head)).unwrap();
        failed.failed("ConnectionRefused");
        drop(failed);
        let errors = exporter.take().into_iter().map(|span| span.error);
        let expected = ["given up before there was an answer", "ConnectionRefused"];
        assert!(errors.eq(expected.map(|text| Some(text.to_owned()))));
        assert!(tracer.call(&mut call(&HeaderMap::new())).is_none());
    }

    #[test]
    fn without_a_collector_nothing_is_touched() {
        let tracer = Tracer::default();
        let mut head = headers(&[(TRACEPARENT, "nonsense"), (TRACESTATE, "a=b")]);
        let before = head.clone();
        assert!(tracer.request(&mut head).is_none());
        assert_eq!(head, before);
        let mut sent = Request::new(());
        *sent.method_mut() = Method::GET;
        assert!(tracer.call(&mut sent).is_none());
    }
}
