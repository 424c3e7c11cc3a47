//! OTLP in its JSON encoding (opentelemetry-proto 1.x): ids in hex, 64-bit numbers as text, enumerations as numbers.

use serde_json::{Value, json};

/// What a span is to others; the numbers are OTLP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Work within.
    Internal = 1,
    /// A request that was answered.
    Server = 2,
    /// A question to a service.
    Client = 3,
    /// A job from a queue.
    Consumer = 5,
}

/// A span that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// 32 lower-case hex digits.
    pub trace: String,
    /// 16 lower-case hex digits.
    pub id: String,
    /// The id of the span that caused it; `None`: the trace begins with it.
    pub parent: Option<String>,
    /// What is done, from a bounded set of words.
    pub name: String,
    /// What it is to others.
    pub kind: Kind,
    /// Nanoseconds since 1970.
    pub began: i128,
    /// Nanoseconds since 1970.
    pub ended: i128,
    /// Under OpenTelemetry's names where it has some.
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Who sends.
#[derive(Debug, Clone)]
pub struct Resource(Value);

impl Resource {
    /// This program, under the name that the operator gave it.
    pub fn new(service: &str) -> Self {
        Self(json!({ "attributes": [
            attribute("service.name", &json!(service)),
            attribute("service.version", &json!(env!("CARGO_PKG_VERSION"))),
            attribute("process.pid", &json!(std::process::id())),
        ]}))
    }

    /// The body of one `POST /v1/traces`.
    pub fn request(&self, spans: &[Span]) -> Vec<u8> {
        let spans: Vec<Value> = spans.iter().map(written).collect();
        let scope = json!({ "name": "sluicegate", "version": env!("CARGO_PKG_VERSION") });
        let request = json!({ "resourceSpans": [{
            "resource": self.0,
            "scopeSpans": [{ "scope": scope, "spans": spans }],
        }]});
        request.to_string().into_bytes()
    }
}

fn written(span: &Span) -> Value {
    let attributes = span.attributes.iter();
    let attributes: Vec<Value> = attributes
        .map(|(name, value)| attribute(name, value))
        .collect();
    let status = match &span.error {
        Some(message) => json!({ "code": 2, "message": message }),
        None => json!({}),
    };
    json!({
        "traceId": span.trace,
        "spanId": span.id,
        "parentSpanId": span.parent.as_deref().unwrap_or_default(),
        "name": span.name,
        "kind": span.kind as i32,
        "startTimeUnixNano": span.began.to_string(),
        "endTimeUnixNano": span.ended.to_string(),
        "attributes": attributes,
        "status": status,
    })
}

fn attribute(name: &str, value: &Value) -> Value {
    let value = match value {
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::String(text) => json!({ "stringValue": text }),
        other => json!({ "stringValue": other.to_string() }),
    };
    json!({ "key": name, "value": value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_the_protocol_has_it() {
        let span = Span {
            trace: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
            id: "00f067aa0ba902b7".to_owned(),
            parent: None,
            name: "GET /v1/me".to_owned(),
            kind: Kind::Server,
            began: 1_800_000_000_000_000_000,
            ended: 1_800_000_000_000_000_007,
            attributes: vec![("http.response.status_code", json!(503)), ("a", json!("b"))],
            error: Some("down".to_owned()),
        };
        let body = Resource::new("x").request(&[span]);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let resource = &body["resourceSpans"][0];
        assert_eq!(
            resource["resource"]["attributes"][0],
            json!({"key": "service.name", "value": {"stringValue": "x"}})
        );
        assert_eq!(
            resource["scopeSpans"][0]["spans"][0],
            json!({
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
                "spanId": "00f067aa0ba902b7",
                "parentSpanId": "",
                "name": "GET /v1/me",
                "kind": 2,
                "startTimeUnixNano": "1800000000000000000",
                "endTimeUnixNano": "1800000000000000007",
                "attributes": [
                    {"key": "http.response.status_code", "value": {"intValue": "503"}},
                    {"key": "a", "value": {"stringValue": "b"}},
                ],
                "status": {"code": 2, "message": "down"},
            })
        );
    }
}
