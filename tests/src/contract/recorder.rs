//! A proxy between an edge and an origin that keeps what passes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use super::events::{self, CONTENT_TYPE};
use super::recording::{Answer, Exchange, Request};
use crate::client::Client;
use crate::stand_in::serve;

/// Request headers that are a part of the contract.
const OF_REQUESTS: [&str; 15] = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "range",
    "repr-digest",
    "sluicegate-client-address",
    "sluicegate-contract",
    "sluicegate-edge-key",
    "sluicegate-head-sha256",
    "traceparent",
    "x-request-id",
];
/// Headers of answers that edges or clients go by.
const OF_ANSWERS: [&str; 9] = [
    "cache-control",
    "content-type",
    "etag",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "sluicegate-contract",
    "www-authenticate",
];

/// A running recorder; ends when it is dropped.
pub struct Recorder {
    /// Where it listens.
    pub url: String,
    kept: Arc<Mutex<Vec<Exchange>>>,
    _server: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Passing {
    origin: Client,
    kept: Arc<Mutex<Vec<Exchange>>>,
}

impl Recorder {
    /// Starts one in front of an origin.
    pub async fn start(origin_url: &str) -> Result<Self> {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let passing = Passing {
            origin: Client::new(origin_url)?,
            kept: Arc::clone(&kept),
        };
        let app = Router::new().fallback(pass).with_state(passing);
        let (url, server) = serve(app).await?;
        Ok(Self {
            url,
            kept,
            _server: server,
        })
    }

    /// What has passed since the last time.
    pub fn take(&self) -> Vec<Exchange> {
        self.kept
            .lock()
            .map(|mut kept| std::mem::take(&mut *kept))
            .unwrap_or_default()
    }
}

async fn pass(
    State(passing): State<Passing>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    match exchange(&passing, method, target, headers, body).await {
        Ok(answer) => answer,
        Err(error) => {
            eprintln!("the recorder cannot ask the origin: {error:#}");
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            answer
        }
    }
}

async fn exchange(
    passing: &Passing,
    method: Method,
    target: &str,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Response<Body>> {
    let request = Request {
        method: method.to_string(),
        target: target.to_owned(),
        headers: kept(&headers, &OF_REQUESTS),
        json: serde_json::from_slice(&body).unwrap_or(Value::Null),
        file: None,
    };
    for of_the_connection in ["host", "connection", "transfer-encoding", "content-length"] {
        headers.remove(of_the_connection);
    }
    let sent = passing.origin.request(method, target);
    let answered = sent.headers(headers).body(body).send().await?;
    let answer = crate::client::Answer::read(answered).await?;
    let mut handed_on = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        if !matches!(
            name.as_str(),
            "connection" | "transfer-encoding" | "content-length"
        ) {
            handed_on = handed_on.header(name, value);
        }
    }
    if let Ok(mut kept) = passing.kept.lock() {
        kept.push(Exchange {
            request,
            answer: recorded(&answer),
        });
    }
    Ok(handed_on.body(Body::from(answer.body))?)
}

/// An answer as it is kept.
pub fn recorded(answer: &crate::client::Answer) -> Answer {
    Answer {
        status: answer.status.as_u16(),
        headers: kept(&answer.headers, &OF_ANSWERS),
        json: if answer.header("content-type").starts_with(CONTENT_TYPE) {
            events::read(&answer.text())
        } else {
            serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
        },
    }
}

fn kept(headers: &HeaderMap, names: &[&str]) -> BTreeMap<String, String> {
    let value = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), value(name)?)))
        .collect()
}
