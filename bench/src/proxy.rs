//! The native proxy that the edge is compared with: the same decisions in the same order, with hyper and
//! tokio alone. It verifies tokens, looks at the first 64 KiB of uploads, asks for tickets and grants, keeps
//! grants, answers 304 itself and hands everything else on as it streams.

mod replay;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sluicegate_contract::limits;
use sluicegate_sniff::{Inspection, inspect};

use crate::backend::KEYS;
use crate::served::{Answer, Body, plain, serve, whole};
use crate::tokens::Verifier;
use replay::Replay;

/// Names the environment variable with the address of the stand-in.
pub(crate) const BACKEND: &str = "SLUICEGATE_BENCH_BACKEND";
/// As the edge keeps them.
const GRANT_TIME: Duration = Duration::from_secs(30);

struct Proxy {
    backend: String,
    verifier: Verifier,
    client: Pool<HttpConnector, Body>,
    grant: Mutex<Option<(Instant, Arc<Grant>)>>,
}

struct Grant {
    url: String,
    etag: String,
    media_type: String,
    cache_control: String,
}

pub(crate) async fn main() -> Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let keys = std::env::var(KEYS).ok();
    let proxy = Arc::new(Proxy {
        backend: std::env::var(BACKEND).context("the stand-in's address")?,
        verifier: Verifier::new(keys.as_deref())?,
        client: Pool::builder(TokioExecutor::new()).build(connector),
        grant: Mutex::default(),
    });
    serve(move |request| {
        let proxy = Arc::clone(&proxy);
        async move { proxy.answer(request).await }
    })
    .await
}

impl Proxy {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path();
        let done = if path.starts_with("/media/") {
            self.media(&request).await
        } else if !self.is_somebody(&request) {
            return plain(StatusCode::UNAUTHORIZED);
        } else if path == "/v1/uploads" {
            self.upload(request).await
        } else {
            self.api(request).await
        };
        done.unwrap_or_else(|error| {
            eprintln!("{error:#}");
            plain(StatusCode::BAD_GATEWAY)
        })
    }

    fn is_somebody(&self, request: &Request<Incoming>) -> bool {
        let header = request.headers().get(AUTHORIZATION);
        header
            .and_then(|header| header.to_str().ok())
            .is_some_and(|header| self.verifier.accepts(header))
    }

    /// Hands both streams on.
    async fn api(&self, request: Request<Incoming>) -> Result<Answer> {
        let (mut parts, body) = request.into_parts();
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        parts.uri = format!("{}{target}", self.backend).parse()?;
        parts.headers.remove(HOST);
        let request = Request::from_parts(parts, body.boxed());
        Ok(self.client.request(request).await?.map(BodyExt::boxed))
    }

    async fn upload(&self, request: Request<Incoming>) -> Result<Answer> {
        let length = request.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let Some(length) = length.filter(|length| *length <= limits::PICTURE_BYTES) else {
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE));
        };
        let token = request.headers().get(AUTHORIZATION).cloned();
        let mut body = request.into_body();
        let mut head = Vec::new();
        while head.len() < limits::INSPECTED_HEAD {
            let Some(frame) = body.frame().await else {
                break;
            };
            if let Ok(data) = frame?.into_data() {
                head.extend_from_slice(&data);
            }
        }
        if !matches!(inspect(&head, length), Inspection::Picture(_)) {
            return Ok(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let wanted = json!({"purpose": "avatar", "content_length": length}).to_string();
        let ticket = self
            .ask("/edge/v1/upload-tickets", token.as_ref(), wanted)
            .await?;
        let ticket: Value = serde_json::from_slice(&ticket)?;
        self.put(&ticket, head, body, length).await?;
        let id = ticket.get("id").and_then(Value::as_str).context("an id")?;
        let complete = format!("/v1/uploads/{id}/complete");
        let completed = self.ask(&complete, token.as_ref(), String::new()).await?;
        let mut answer = Response::new(whole(completed));
        *answer.status_mut() = StatusCode::CREATED;
        Ok(answer)
    }

    async fn put(&self, ticket: &Value, head: Vec<u8>, rest: Incoming, length: u64) -> Result<()> {
        let url = ticket.pointer("/put/url").and_then(Value::as_str);
        let body = Replay::new(Bytes::from(head), rest, length).boxed();
        let request = Request::put(url.context("an address")?)
            .header(CONTENT_LENGTH, length)
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(body)?;
        let mut answer = self.client.request(request).await?;
        ensure!(
            answer.status().is_success(),
            "the store said {}",
            answer.status()
        );
        while let Some(frame) = answer.body_mut().frame().await {
            frame?;
        }
        Ok(())
    }

    /// A short exchange with the origin.
    async fn ask(&self, path: &str, token: Option<&HeaderValue>, body: String) -> Result<Vec<u8>> {
        let mut request = Request::builder()
            .method(if path.starts_with("/edge/v1/media/") {
                Method::GET
            } else {
                Method::POST
            })
            .uri(format!("{}{path}", self.backend))
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token);
        }
        let mut answer = self.client.request(request.body(whole(body))?).await?;
        ensure!(
            answer.status().is_success(),
            "the origin said {}",
            answer.status()
        );
        let mut bytes = Vec::new();
        while let Some(frame) = answer.body_mut().frame().await {
            if let Ok(data) = frame?.into_data() {
                bytes.extend_from_slice(&data);
                ensure!(bytes.len() <= limits::JSON_BODY, "an answer without end");
            }
        }
        Ok(bytes)
    }

    async fn media(&self, request: &Request<Incoming>) -> Result<Answer> {
        let name = request.uri().path().trim_start_matches("/media/");
        let grant = self.grant(name.trim_end_matches(".webp")).await?;
        let known = request.headers().get(IF_NONE_MATCH);
        let mut answer = if known.is_some_and(|known| known == grant.etag.as_str()) {
            plain(StatusCode::NOT_MODIFIED)
        } else {
            let request = Request::get(&grant.url).body(whole(Bytes::new()))?;
            let stored = self.client.request(request).await?;
            let length = stored.headers().get(CONTENT_LENGTH).cloned();
            let mut answer = Response::new(stored.into_body().boxed());
            let headers = answer.headers_mut();
            headers.extend(length.map(|length| (CONTENT_LENGTH, length)));
            headers.insert(CONTENT_TYPE, grant.media_type.parse()?);
            answer
        };
        let headers = answer.headers_mut();
        headers.insert(ETAG, grant.etag.parse()?);
        headers.insert(CACHE_CONTROL, grant.cache_control.parse()?);
        Ok(answer)
    }

    async fn grant(&self, id: &str) -> Result<Arc<Grant>> {
        let lock = || self.grant.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, grant)) = lock().as_ref()
            && since.elapsed() < GRANT_TIME
        {
            return Ok(Arc::clone(grant));
        }
        let said = self
            .ask(&format!("/edge/v1/media/{id}"), None, String::new())
            .await?;
        let said: Value = serde_json::from_slice(&said)?;
        let member = |name: &str| -> Result<String> {
            let value = said.get(name).and_then(Value::as_str);
            Ok(value.with_context(|| format!("no {name}"))?.to_owned())
        };
        let grant = Arc::new(Grant {
            url: member("url")?,
            etag: member("etag")?,
            media_type: member("type")?,
            cache_control: member("cache_control")?,
        });
        *lock() = Some((Instant::now(), Arc::clone(&grant)));
        Ok(grant)
    }
}
