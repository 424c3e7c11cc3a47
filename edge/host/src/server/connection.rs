//! One client connection: HTTP/1.1 with keep-alive.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use wasmtime_wasi_http::WasiBody;

use super::Application;
use super::held_io::HeldIo;
use super::places::{self, Share};
use super::refused;
use super::service::{self, Client};
use super::stalled_io::StalledIo;
use crate::metrics::Refused;

const BUFFER: usize = 128 << 10;
/// How long, and for how many bytes, a client may go on sending after it was answered early.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 16 << 20;

struct Service {
    application: Arc<Application>,
    client: Client,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<WasiBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let application = self.application.clone();
        let client = self.client.clone();
        Box::pin(async move { Ok(service::answer(&application, &client, request).await) })
    }
}

/// A place in the peer's share of the connections; proxies need none.
fn share_of(application: &Application, peer: SocketAddr) -> Result<Option<Share>, Refused> {
    let shared = !application.proxies.trusts(peer.ip());
    shared
        .then(|| application.places.connection(peer.ip()))
        .transpose()
}

pub(super) async fn serve(
    application: Arc<Application>,
    stream: TcpStream,
    peer: SocketAddr,
    mut draining: watch::Receiver<bool>,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, "cannot set TCP_NODELAY: {error}");
    }
    let limits = &application.limits;
    let mut io = HeldIo::new(StalledIo::new(stream, limits.stall_timeout));
    let client = Client {
        peer,
        local,
        unread: Arc::new(AtomicBool::new(false)),
    };
    let _share = match share_of(&application, peer) {
        Ok(share) => share,
        Err(why) => {
            application.metrics.refused(why);
            let problem = places::problem(why);
            refused::answer(&application, &client, problem, &[], &mut io).await;
            // Nothing is read, and nobody is waited for: it is this address that has too much already.
            return close(io, &client.unread).await;
        }
    };
    let _counted = application.metrics.connection();
    let io = TokioIo::new(io);
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(limits.header_bytes)
        .max_buf_size(BUFFER.max(limits.header_bytes))
        .serve_connection(
            io,
            Service {
                application: application.clone(),
                client: client.clone(),
            },
        );
    let served = {
        tokio::select! {
            served = poll_fn(|cx| connection.poll_without_shutdown(cx)) => served,
            () = async { drop(draining.wait_for(|draining| *draining).await) } => {
                Pin::new(&mut connection).graceful_shutdown();
                poll_fn(|cx| connection.poll_without_shutdown(cx)).await
            }
        }
    };
    let parts = connection.into_parts();
    let mut io = parts.io.into_inner();
    if let Err(error) = served {
        tracing::debug!(%peer, "a connection ended: {error}");
        let why = refused::why(&error, &parts.read_buf, limits.header_bytes);
        let Some((why, problem)) = why else {
            return;
        };
        application.metrics.refused(why);
        io.discard();
        client.unread.store(true, Ordering::Release);
        refused::answer(&application, &client, problem, &parts.read_buf, &mut io).await;
    }
    close(io, &client.unread).await;
}

/// Says that nothing more comes, and where the request was answered before it was read, lets the client
/// go on sending for a moment: a reset would take the answer away from it.
async fn close(mut stream: HeldIo, unread: &AtomicBool) {
    if stream.finish().await.is_err() || !unread.load(Ordering::Acquire) {
        return;
    }
    let mut buffer = vec![0; BUFFER];
    let mut rest = LINGER_BYTES;
    let discard = async {
        while let Ok(read) = stream.read(&mut buffer).await {
            rest = rest.saturating_sub(read);
            if read == 0 || rest == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, discard).await;
}
