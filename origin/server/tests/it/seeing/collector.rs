use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::routing::post;
use serde_json::Value;

use super::stand_in::serve;

/// A span as it arrived.
#[derive(Debug, Clone)]
pub(super) struct SpanSeen {
    pub(super) trace: String,
    pub(super) span: String,
    pub(super) parent: String,
    pub(super) name: String,
    pub(super) kind: i64,
    pub(super) began: i128,
    pub(super) ended: i128,
}

#[derive(Default)]
struct Taken {
    spans: Vec<SpanSeen>,
    headers: Vec<String>,
}

/// Takes OTLP over HTTP as a collector does, and reads it as the protocol has it.
pub(super) struct Collector {
    pub(super) url: String,
    taken: Arc<Mutex<Taken>>,
}

impl Collector {
    pub(super) async fn start() -> Self {
        let taken = Arc::new(Mutex::new(Taken::default()));
        let router = Router::new()
            .route("/v1/traces", post(take))
            .layer(DefaultBodyLimit::max(64 * 1024 * 1024))
            .with_state(Arc::clone(&taken));
        Self {
            url: serve(router).await,
            taken,
        }
    }

    pub(super) fn spans(&self) -> Vec<SpanSeen> {
        self.taken.lock().expect("is whole").spans.clone()
    }

    pub(super) fn headers(&self) -> Vec<String> {
        self.taken.lock().expect("is whole").headers.clone()
    }
}

async fn take(
    State(taken): State<Arc<Mutex<Taken>>>,
    headers: HeaderMap,
    body: Bytes,
) -> &'static str {
    assert_eq!(headers["content-type"], "application/json");
    let body: Value = serde_json::from_slice(&body).expect("is JSON");
    let mut taken = taken.lock().expect("is whole");
    let key = headers["x-key"].to_str().expect("is text");
    taken.headers.push(key.to_owned());
    for resource in array(&body["resourceSpans"]) {
        let name = &resource["resource"]["attributes"][0];
        assert_eq!(name["value"]["stringValue"], "sluicegate-origin");
        for scope in array(&resource["scopeSpans"]) {
            taken.spans.extend(array(&scope["spans"]).iter().map(seen));
        }
    }
    "{}"
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("is a list")
}

fn seen(span: &Value) -> SpanSeen {
    let text = |name: &str| span[name].as_str().expect("is text").to_owned();
    let hex = |name: &str, digits: usize| {
        let id = text(name);
        assert!(
            id.len() == digits && id.bytes().all(|b| b.is_ascii_hexdigit()),
            "{span}"
        );
        id
    };
    SpanSeen {
        trace: hex("traceId", 32),
        span: hex("spanId", 16),
        parent: text("parentSpanId"),
        name: text("name"),
        kind: span["kind"].as_i64().expect("is a number"),
        began: text("startTimeUnixNano").parse().expect("is a number"),
        ended: text("endTimeUnixNano").parse().expect("is a number"),
    }
}
