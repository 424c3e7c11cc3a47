//! A stand-in for an OpenTelemetry collector: takes OTLP over HTTP in its JSON encoding, over a real socket.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use crate::stand_in::serve;

/// Bytes of one request at most.
const LIMIT: usize = 64 << 20;

/// A span as it arrived.
#[derive(Debug, Clone)]
pub struct SpanSeen {
    /// Who sent it.
    pub service: String,
    /// Its trace.
    pub trace: String,
    /// Its id.
    pub id: String,
    /// Whose child it is; empty: it begins the trace.
    pub parent: String,
    /// What was done.
    pub name: String,
}

type Seen = Arc<Mutex<Vec<SpanSeen>>>;

/// A running stand-in; ends when it is dropped.
pub struct Collector {
    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub url: String,
    seen: Seen,
    _server: AbortOnDropHandle<()>,
}

impl Collector {
    /// Starts one on a free port.
    pub async fn start() -> Result<Self> {
        let seen = Seen::default();
        let router = Router::new()
            .route("/v1/traces", post(take))
            .layer(DefaultBodyLimit::max(LIMIT))
            .with_state(Arc::clone(&seen));
        let (url, server) = serve(router).await?;
        Ok(Self {
            url,
            seen,
            _server: server,
        })
    }

    /// What came so far.
    pub fn spans(&self) -> Vec<SpanSeen> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }
}

async fn take(State(seen): State<Seen>, body: Bytes) -> (StatusCode, Json<Value>) {
    let Some(spans) = serde_json::from_slice(&body).ok().as_ref().and_then(read) else {
        return (StatusCode::BAD_REQUEST, Json(json!({})));
    };
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.extend(spans);
    (StatusCode::OK, Json(json!({})))
}

/// `None` where it is not as the protocol has it.
fn read(request: &Value) -> Option<Vec<SpanSeen>> {
    let mut spans = Vec::new();
    for resource in request.get("resourceSpans")?.as_array()? {
        let attributes = resource.get("resource")?.get("attributes")?.as_array()?;
        let service = attributes.iter().find(|attribute| {
            attribute
                .get("key")
                .is_some_and(|key| key == "service.name")
        })?;
        let service = service.pointer("/value/stringValue")?.as_str()?;
        for scope in resource.get("scopeSpans")?.as_array()? {
            for span in scope.get("spans")?.as_array()? {
                spans.push(span_of(service, span)?);
            }
        }
    }
    Some(spans)
}

fn span_of(service: &str, span: &Value) -> Option<SpanSeen> {
    let text = |name| Some(span.get(name)?.as_str()?.to_owned());
    Some(SpanSeen {
        service: service.to_owned(),
        trace: text("traceId")?,
        id: text("spanId")?,
        parent: text("parentSpanId")?,
        name: text("name")?,
    })
}
