//! A span that is not over yet.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode, Uri};
use serde_json::Value;
use sluicegate_contract::trace::SpanContext;
use sluicegate_otlp::{Kind, Span, SpanSink};

const GIVEN_UP: &str = "given up before there was an answer";

/// Goes to the collector when dropped.
pub(crate) struct OpenSpan {
    sink: SpanSink,
    own: SpanContext,
    parent: Option<SpanContext>,
    kind: Kind,
    name: String,
    began: SystemTime,
    since: Instant,
    attributes: Vec<(&'static str, Value)>,
    error: Option<String>,
}

impl OpenSpan {
    pub(super) fn begin(
        sink: SpanSink,
        began: SystemTime,
        own: SpanContext,
        parent: Option<SpanContext>,
        kind: Kind,
    ) -> Self {
        Self {
            sink,
            own,
            parent,
            kind,
            name: String::new(),
            began,
            since: Instant::now(),
            attributes: Vec::new(),
            error: None,
        }
    }

    /// From a bounded set of words.
    pub(crate) fn name(&mut self, name: String) {
        self.name = name;
    }

    pub(crate) fn say(&mut self, attribute: &'static str, value: impl Into<Value>) {
        self.attributes.push((attribute, value.into()));
    }

    /// A call: without its query, which may be signed.
    pub(super) fn asks(&mut self, method: &Method, uri: &Uri) {
        method.as_str().clone_into(&mut self.name);
        self.say("http.request.method", method.as_str());
        self.say("server.address", uri.host().unwrap_or_default());
        self.say("server.port", uri.port_u16().unwrap_or(80));
        self.say("url.path", uri.path());
        self.error = Some(GIVEN_UP.to_owned());
    }

    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.say("http.response.status_code", status.as_u16());
        let failed = status.is_server_error();
        self.error = failed.then(|| "the request failed".to_owned());
    }

    pub(crate) fn failed(&mut self, error: impl Into<String>) {
        self.error = Some(error.into());
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        let began = self.began.duration_since(UNIX_EPOCH).unwrap_or_default();
        let began = i128::try_from(began.as_nanos()).unwrap_or_default();
        let took = i128::try_from(self.since.elapsed().as_nanos()).unwrap_or_default();
        self.sink.put(Span {
            trace: self.own.trace_id(),
            id: self.own.span_id(),
            parent: self.parent.map(|parent| parent.span_id()),
            name: std::mem::take(&mut self.name),
            kind: self.kind,
            began,
            ended: began + took,
            attributes: std::mem::take(&mut self.attributes),
            error: self.error.take(),
        });
    }
}
