//! A pooled HTTP/1.1 client that costs little.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Reads no answer beyond this, in bytes: pictures are the largest.
const ANSWER_BYTES: usize = 32 * 1024 * 1024;

#[derive(Clone)]
pub(crate) struct Client(Pool<HttpConnector, Full<Bytes>>);

/// What is sent.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) header: Option<(HeaderName, &'a str)>,
    pub(crate) body: Bytes,
}

impl<'a> Ask<'a> {
    pub(crate) fn get(url: &'a str) -> Self {
        Self {
            method: Method::GET,
            url,
            token: None,
            header: None,
            body: Bytes::new(),
        }
    }

    pub(crate) fn post(url: &'a str, token: &'a str, body: Bytes) -> Self {
        Self {
            method: Method::POST,
            token: Some(token),
            body,
            ..Self::get(url)
        }
    }
}

impl Client {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(Pool::builder(TokioExecutor::new()).build(connector))
    }

    async fn send(&self, ask: Ask<'_>) -> Result<Response<Incoming>> {
        let mut request = Request::builder().method(ask.method).uri(ask.url);
        if let Some(token) = ask.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let is_typed = ask
            .header
            .as_ref()
            .is_some_and(|(name, _)| *name == CONTENT_TYPE);
        if let Some((name, value)) = ask.header {
            request = request.header(name, value);
        }
        if !ask.body.is_empty() && !is_typed {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(ask.body))?;
        Ok(self.0.request(request).await?)
    }

    /// Reads an answer to its end and forgets it; its length in bytes.
    pub(crate) async fn drain(&self, ask: Ask<'_>, expected: StatusCode) -> Result<u64> {
        let mut answer = self.send(ask).await?;
        let mut length = 0;
        while let Some(frame) = answer.body_mut().frame().await {
            if let Ok(data) = frame?.into_data() {
                length += u64::try_from(data.len())?;
            }
        }
        let status = answer.status();
        ensure!(status == expected, "{status} instead of {expected}");
        Ok(length)
    }

    /// Reads an answer and keeps it.
    pub(crate) async fn read(&self, ask: Ask<'_>, expected: StatusCode) -> Result<Vec<u8>> {
        let answer = self.send(ask).await?;
        let status = answer.status();
        let whole = keep(answer).await?;
        ensure!(
            status == expected,
            "{status} instead of {expected}: {}",
            String::from_utf8_lossy(&whole)
        );
        Ok(whole)
    }

    /// The same, or nothing if there is no room now (503).
    pub(crate) async fn read_unless_full(
        &self,
        ask: Ask<'_>,
        expected: StatusCode,
    ) -> Result<Option<Vec<u8>>> {
        let answer = self.send(ask).await?;
        let status = answer.status();
        let whole = keep(answer).await?;
        match status {
            StatusCode::SERVICE_UNAVAILABLE => Ok(None),
            _ if status == expected => Ok(Some(whole)),
            _ => bail!(
                "{status} instead of {expected}: {}",
                String::from_utf8_lossy(&whole)
            ),
        }
    }

    /// A header of a HEAD request's answer.
    pub(crate) async fn header(&self, url: &str, name: &str) -> Result<String> {
        let ask = Ask {
            method: Method::HEAD,
            ..Ask::get(url)
        };
        let answer = self.send(ask).await?;
        let value = answer.headers().get(name);
        Ok(value
            .with_context(|| format!("no {name}"))?
            .to_str()?
            .to_owned())
    }
}

async fn keep(mut answer: Response<Incoming>) -> Result<Vec<u8>> {
    let mut whole = Vec::new();
    while let Some(frame) = answer.body_mut().frame().await {
        if let Ok(data) = frame?.into_data() {
            whole.extend_from_slice(&data);
            ensure!(whole.len() <= ANSWER_BYTES, "an answer without end");
        }
    }
    Ok(whole)
}
