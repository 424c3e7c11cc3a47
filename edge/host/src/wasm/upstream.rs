//! Sends what components send: HTTP/1.1 over pooled connections, never TLS.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::Limits;
use crate::server::StallGuard;
use crate::traces::Tracer;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Clearly shorter than what servers behind us keep connections for (15 seconds and more): a request
/// that cannot be sent twice must not meet a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_PER_HOST: usize = 64;
const BUFFER: usize = 128 << 10;

/// The pool of outgoing connections, shared by all components.
#[derive(Clone)]
pub(crate) struct Upstream {
    client: Client<HttpConnector, WasiBody>,
    stall: Duration,
    tracer: Tracer,
}

impl Upstream {
    pub(crate) fn new(limits: &Limits, tracer: Tracer) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_buf_size(BUFFER)
            .build(connector);
        Self {
            client,
            stall: limits.stall_timeout,
            tracer,
        }
    }

    /// Sends a request whose destination is allowed, and returns the response's head with its body
    /// still to come.
    pub(crate) async fn send(
        &self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Response<WasiBody>, Error> {
        if request.uri().scheme_str() != Some("http") {
            return Err(Error::InternalError(Some(
                "this host sends plain http only: TLS is terminated elsewhere".to_owned(),
            )));
        }
        ensure_path(request.uri_mut())?;
        let mut span = self.tracer.call(&mut request);
        let options = options.unwrap_or_default();
        let answered = self.head(request, options.first_byte_timeout).await;
        match (&mut span, &answered) {
            (Some(span), Ok(response)) => span.answered(response.status()),
            (Some(span), Err(error)) => span.failed(format!("{error:?}")),
            (None, _) => {}
        }
        let stall = options
            .between_bytes_timeout
            .map_or(self.stall, |limit| limit.min(self.stall));
        answered.map(|response| {
            response.map(|body| {
                StallGuard::new(body.map_err(Error::from).boxed_unsync(), stall).boxed_unsync()
            })
        })
    }

    async fn head(
        &self,
        request: Request<WasiBody>,
        limit: Option<Duration>,
    ) -> Result<Response<Incoming>, Error> {
        let sent = self.client.request(request);
        let response = match limit {
            Some(limit) => tokio::time::timeout(limit, sent)
                .await
                .map_err(|_| Error::ConnectionReadTimeout)?,
            None => sent.await,
        };
        response.map_err(|error| error_code(&error))
    }
}

/// The client needs a path; a component may leave it out.
fn ensure_path(uri: &mut Uri) -> Result<(), Error> {
    if uri.path_and_query().is_none() {
        let mut parts = std::mem::take(uri).into_parts();
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        *uri = Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
    }
    Ok(())
}

fn error_code(error: &hyper_util::client::legacy::Error) -> Error {
    let mut source = error.source();
    let mut cause = None;
    let mut message = error.to_string();
    while let Some(inner) = source {
        message = inner.to_string();
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            cause = Some(io.kind());
        }
        source = inner.source();
    }
    match cause {
        _ if error.is_connect() && message.contains("lookup") => Error::DestinationNotFound,
        Some(io::ErrorKind::TimedOut) if error.is_connect() => Error::ConnectionTimeout,
        Some(io::ErrorKind::ConnectionRefused) => Error::ConnectionRefused,
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
            Error::DestinationIpUnroutable
        }
        _ if error.is_connect() => Error::DestinationUnavailable,
        _ => {
            tracing::debug!("an outgoing request failed: {message}");
            Error::ConnectionTerminated
        }
    }
}
