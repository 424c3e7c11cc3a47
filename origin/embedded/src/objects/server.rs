//! Connections.

use std::convert::Infallible;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::EXPECT;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpResponse};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::access::{Credentials, SignedOnly};
use super::body::SharedBody;
use super::cors::{Cors, share};
use super::operations::Operations;
use super::options::{ServerLimits, ServerOptions};
use super::patient::Patient;
use super::store::Store;
use crate::files::FileError;

/// How long requests may still take when we are to stop.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The folder cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The listener failed.
    #[error("cannot accept connections: {0}")]
    Accept(#[from] std::io::Error),
}

/// Serves the objects below `root` to whoever signs with the credentials, until `shutdown` ends; then
/// requests that run get 10 s to end.
pub async fn serve(
    listener: TcpListener,
    root: &Path,
    options: &ServerOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let server = Server {
        service: service(Store::open(root)?, &options.credentials),
        cors: Arc::new(Cors::new(options.cors_origins.clone())),
        limits: options.limits,
    };
    let places = Arc::new(Semaphore::new(options.limits.connections));
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted?,
        };
        if let Some((stream, place)) = accepted {
            connection(stream, place, server.clone(), &graceful);
        }
    }
    drop(listener);
    if timeout(DRAIN_TIME, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests to the object store were cut at the end");
    }
    Ok(())
}

/// What all connections share.
#[derive(Clone)]
struct Server {
    service: S3Service,
    cors: Arc<Cors>,
    limits: ServerLimits,
}

fn service(store: Store, credentials: &Credentials) -> S3Service {
    let mut builder = S3ServiceBuilder::new(Operations { store });
    builder.set_auth(SimpleAuth::from_single(
        credentials.access_key.clone(),
        credentials.secret_key.clone(),
    ));
    builder.set_access(SignedOnly);
    builder.build()
}

/// `None` after an error that concerns one connection, or that passes.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<Option<(TcpStream, OwnedSemaphorePermit)>> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    match listener.accept().await {
        Ok((stream, _)) => Ok(Some((stream, place))),
        Err(error) => {
            // Out of file descriptors, or a peer that left: neither gets better by trying at once.
            tracing::warn!(%error, "cannot accept a connection to the object store");
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(None)
        }
    }
}

fn connection(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    server: Server,
    graceful: &GracefulShutdown,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let ServerLimits { head, silence, .. } = server.limits;
    let answer = service_fn(move |request| answer(server.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(Patient::new(stream, silence)), answer);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the object store ended early");
        }
    });
}

async fn answer(server: Server, request: Request<Incoming>) -> Result<HttpResponse, Infallible> {
    let (method, headers) = (request.method(), request.headers());
    if let Some(response) = server.cors.preflight(method, headers) {
        return Ok(response);
    }
    let sharing = server.cors.sharing(method, headers);
    let waits = headers.contains_key(EXPECT);
    let (head, body) = request.into_parts();
    let body = SharedBody::new(body, server.limits.silence);
    let request = Request::from_parts(head, Body::http_body_unsync(body.clone()));
    let mut response = called(&server, request).await;
    if !waits && (response.status().is_client_error() || response.status().is_server_error()) {
        body.drain().await;
    }
    if let Some(origin) = sharing {
        share(&mut response, origin);
    }
    Ok(response)
}

async fn called(server: &Server, request: Request<Body>) -> HttpResponse {
    let status = match timeout(server.limits.request, server.service.call(request)).await {
        Ok(Ok(response)) => return response,
        Ok(Err(error)) => {
            tracing::error!(?error, "the object store cannot answer");
            StatusCode::INTERNAL_SERVER_ERROR
        }
        Err(_) => StatusCode::REQUEST_TIMEOUT,
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
