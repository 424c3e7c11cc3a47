//! Makes spans of `tracing`'s spans.

use std::fmt;
use std::time::Instant;

use serde_json::Value;
use sluicegate_core::env::Env;
use sluicegate_otlp::{Kind, Span, SpanSink};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Attributes of one span at most, and characters of each.
const ATTRIBUTES: usize = 32;
const CHARACTERS: usize = 512;

/// Hands each span of ours to the exporter when it is over. A span that names `trace_id`, `span_id` and
/// `parent_span_id` begins here; those within it are its children. Others belong to no trace and are left out.
pub struct SpanLayer {
    env: Env,
    sink: SpanSink,
}

/// A span that is not over yet.
struct Draft {
    trace: String,
    span: String,
    parent: Option<String>,
    name: &'static str,
    began_ms: i64,
    began: Instant,
    fields: Fields,
    error: Option<String>,
}

impl SpanLayer {
    /// Hands spans to `sink`.
    pub fn new(env: Env, sink: SpanSink) -> Self {
        Self { env, sink }
    }

    /// How many spans were given up so far.
    pub(crate) fn lost(&self) -> u64 {
        self.sink.lost()
    }

    fn wants(&self, trace: &str) -> bool {
        let end = trace
            .get(16..)
            .and_then(|end| u64::from_str_radix(end, 16).ok());
        end.is_some_and(|end| self.sink.wants(end))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if fields.unwanted {
            return;
        }
        let own = fields.trace.take().zip(fields.span.take());
        let (trace, own_id, parent) = if let Some((trace, span)) = own {
            (trace, span, fields.parent.take())
        } else {
            let Some(parent) = span.parent() else { return };
            let extensions = parent.extensions();
            let Some(parent) = extensions.get::<Draft>() else {
                return;
            };
            let own = u64::from_be_bytes(self.env.random()).max(1);
            let parent_id = Some(parent.span.clone());
            (parent.trace.clone(), format!("{own:016x}"), parent_id)
        };
        if !self.wants(&trace) {
            return;
        }
        span.extensions_mut().insert(Draft {
            trace,
            span: own_id,
            parent,
            name: attributes.metadata().name(),
            began_ms: self.env.now().unix_ms(),
            began: Instant::now(),
            fields,
            error: None,
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(draft) = span.extensions_mut().get_mut::<Draft>() {
            values.record(&mut draft.fields);
        }
    }

    /// A warning or an error within a span says why that failed.
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if *event.metadata().level() > Level::WARN {
            return;
        }
        let Some(span) = context.event_span(event) else {
            return;
        };
        if let Some(draft) = span.extensions_mut().get_mut::<Draft>() {
            let mut said = Fields::default();
            event.record(&mut said);
            draft.error.get_or_insert_with(|| said.sentence());
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let Some(draft) = span.extensions_mut().remove::<Draft>() else {
            return;
        };
        self.sink.put(draft.finish());
    }
}

impl Draft {
    fn finish(mut self) -> Span {
        let began = i128::from(self.began_ms) * 1_000_000;
        let took = i128::try_from(self.began.elapsed().as_nanos()).unwrap_or_default();
        let word = |name| self.fields.word(name).unwrap_or_default().to_owned();
        let (kind, name) = match self.name {
            "request" => (Kind::Server, format!("{} {}", word("method"), word("path"))),
            "job" => (Kind::Consumer, format!("job {}", word("queue"))),
            "object_store" => (Kind::Client, format!("object_store {}", word("operation"))),
            "detector" | "text_model" => (Kind::Client, self.name.to_owned()),
            other => (Kind::Internal, other.to_owned()),
        };
        let error = self.error.take().or_else(|| self.fields.failure());
        Span {
            trace: self.trace,
            id: self.span,
            parent: self.parent,
            name: name.trim_end().to_owned(),
            kind,
            began,
            ended: began + took,
            attributes: self.fields.named(),
            error,
        }
    }
}

/// What a span or an event says.
#[derive(Default)]
struct Fields {
    trace: Option<String>,
    span: Option<String>,
    parent: Option<String>,
    unwanted: bool,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match name {
            "trace_id" => self.trace = text(&value),
            "span_id" => self.span = text(&value),
            "parent_span_id" => self.parent = text(&value),
            "sampled" => self.unwanted = value == Value::Bool(false),
            _ => self.keep(name, value),
        }
    }

    fn keep(&mut self, name: &'static str, value: Value) {
        let room = self.others.len() < ATTRIBUTES;
        match self.others.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None if room => self.others.push((name, value)),
            None => {}
        }
    }

    fn word(&self, name: &str) -> Option<&str> {
        let found = self.others.iter().find(|(known, _)| *known == name);
        found.and_then(|(_, value)| value.as_str())
    }

    /// An answer of 500 and above, or a service that did not do what it should.
    fn failure(&self) -> Option<String> {
        let status = self.others.iter().find(|(name, _)| *name == "status");
        let status = status.and_then(|(_, status)| status.as_u64());
        if status.is_some_and(|status| status >= 500) {
            return Some("the request failed".to_owned());
        }
        let outcome = self.word("outcome")?;
        matches!(outcome, "unavailable" | "failed").then(|| outcome.to_owned())
    }

    /// The message of an event, with its error if it has one.
    fn sentence(&self) -> String {
        let message = self.word("message").unwrap_or_default();
        match self.word("error") {
            Some(error) => format!("{message}: {error}"),
            None => message.to_owned(),
        }
    }

    /// Under OpenTelemetry's names where it has some.
    fn named(self) -> Vec<(&'static str, Value)> {
        let named = self.others.into_iter().map(|(name, value)| {
            let name = match name {
                "method" => "http.request.method",
                "path" => "http.route",
                "status" => "http.response.status_code",
                "account" => "enduser.id",
                "id" => "sluicegate.request_id",
                "queue" => "messaging.destination.name",
                other => other,
            };
            (name, value)
        });
        named.collect()
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let value: String = value.chars().take(CHARACTERS).collect();
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_local::system_env;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn spans(ratio: f64, run: impl FnOnce()) -> Vec<Span> {
        let (sink, mut exporter) = sluicegate_otlp::spans(ratio);
        let layer = SpanLayer::new(system_env(), sink);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, run);
        exporter.take()
    }

    fn request_with_a_question() {
        let request = tracing::info_span!(
            "request",
            method = "GET",
            path = "/v1/me",
            trace_id = TRACE,
            span_id = "00f067aa0ba902b7",
            parent_span_id = "1111111111111111",
            status = tracing::field::Empty,
        );
        request.in_scope(|| {
            tracing::info_span!("detector", outcome = "unavailable").in_scope(|| ());
        });
        request.record("status", 200_u16);
    }

    #[test]
    fn spans_within_spans_are_children_in_one_trace() {
        let spans = spans(1.0, request_with_a_question);
        let [detector, request] = &spans[..] else {
            panic!("{spans:?}");
        };
        assert_eq!((&*request.trace, &*detector.trace), (TRACE, TRACE));
        assert_eq!(request.parent.as_deref(), Some("1111111111111111"));
        assert_eq!(detector.parent.as_deref(), Some("00f067aa0ba902b7"));
        assert_ne!(detector.id, request.id);
        assert_eq!((request.kind, &*request.name), (Kind::Server, "GET /v1/me"));
        assert_eq!(detector.error.as_deref(), Some("unavailable"));
        assert_eq!(request.error, None);
        let status = ("http.response.status_code", Value::from(200));
        assert!(request.attributes.contains(&status), "{request:?}");
        assert!(request.ended >= request.began);
    }

    #[test]
    fn what_belongs_to_no_trace_or_is_unwanted_is_left_out() {
        let run = || {
            tracing::info_span!("background").in_scope(|| {
                tracing::info_span!("detector").in_scope(|| ());
            });
            let unwanted =
                tracing::info_span!("job", trace_id = TRACE, span_id = "1", sampled = false);
            unwanted.in_scope(|| tracing::info_span!("detector").in_scope(|| ()));
        };
        assert!(spans(1.0, run).is_empty());
        assert!(spans(0.0, request_with_a_question).is_empty());
    }

    #[test]
    fn a_warning_says_why_a_span_failed() {
        let run = || {
            let job = tracing::info_span!("job", queue = "q", trace_id = TRACE, span_id = "1");
            job.in_scope(|| tracing::warn!(error = "no answer", "failed; to be tried again"));
        };
        let spans = spans(1.0, run);
        let error = spans[0].error.as_deref();
        assert_eq!(error, Some("failed; to be tried again: no answer"));
        assert_eq!((spans[0].kind, &*spans[0].name), (Kind::Consumer, "job q"));
    }
}
