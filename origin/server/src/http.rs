//! The HTTP server below the API: bounded, and drained at the end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::unread::Watched;

/// A client that has not sent the headers of a first or next request by then is gone or means ill. It is
/// longer than edges keep unused connections, so that they never send into one that we are closing.
const HEADER_TIME: Duration = Duration::from_mins(1);
/// Pause after a failed accept: without one, a process out of file descriptors spins.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long unused connections are kept at the end, if `drain` allows. Longer than edges keep them (10 s): a request that
/// an edge sends into one meanwhile is answered, and the edge is told to send no more. One that was closed under it would
/// cost that request.
const LINGER: Duration = Duration::from_secs(11);

/// How the server bounds itself.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections open at once; further ones wait in the kernel's queue.
    pub connections: usize,
    /// How long requests may go on after `shutdown`.
    pub drain: Duration,
}

/// Serves until `shutdown`. Then it accepts no more connections than have arrived, tells the client of each that it ends
/// with its next answer, and lets requests that have begun finish, but no longer than `bounds.drain`. Answers
/// whether all of them did.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    bounds: Bounds,
    shutdown: CancellationToken,
) -> bool {
    let graceful = GracefulShutdown::new();
    let seats = Arc::new(Semaphore::new(bounds.connections));
    let begin = |stream, peer, seat: OwnedSemaphorePermit| {
        let connection = connection(stream, peer, app.clone(), shutdown.clone());
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
            drop(seat);
        });
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &seats) => accepted,
        };
        let Some((stream, peer, seat)) = accepted else {
            break;
        };
        begin(stream, peer, seat);
    }
    let end = Instant::now() + bounds.drain;
    for (stream, peer) in arrived(listener) {
        let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
            break;
        };
        begin(stream, peer, seat);
    }
    let all = u32::try_from(bounds.connections).unwrap_or(u32::MAX);
    // Whether they all ended meanwhile or some are left, which are told now.
    let _ = timeout(LINGER.min(bounds.drain / 2), seats.acquire_many(all)).await;
    timeout_at(end, graceful.shutdown()).await.is_ok()
}

/// What the kernel has accepted for us already, whose clients would see their requests lost. The listener ends after it.
fn arrived(listener: TcpListener) -> impl Iterator<Item = (TcpStream, SocketAddr)> {
    let listener = listener.into_std().ok();
    std::iter::from_fn(move || {
        // It does not block: there is one, or we are done.
        let (stream, peer) = listener.as_ref()?.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    })
}

async fn accept(
    listener: &TcpListener,
    seats: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // `acquire_owned` fails only if the semaphore is closed, which nobody does.
    let seat = Arc::clone(seats).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Some((stream, peer, seat)),
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    shutdown: CancellationToken,
) -> impl GracefulConnection<Error = hyper::Error> + Send {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "could not set TCP_NODELAY");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let (parts, body) = request.into_parts();
        let (body, ended) = Watched::new(body);
        let mut request = Request::from_parts(parts, Body::new(body));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answering = app.clone().oneshot(request);
        let shutdown = shutdown.clone();
        async move {
            let mut response = answering.await?;
            // What is left of the body ends the connection, and so do we at the end. An edge that is not told sends its
            // next request into it, and that is lost.
            if shutdown.is_cancelled() || !ended.load(Ordering::Acquire) {
                let headers = response.headers_mut();
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .serve_connection(TokioIo::new(stream), service)
}
