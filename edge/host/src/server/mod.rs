//! Takes connections, serves them, and ends in an orderly way.

mod access;
mod bodies;
mod check;
mod client_address;
mod connection;
mod held_io;
mod pace;
mod places;
mod problem;
mod refused;
mod request_id;
mod service;
mod stalled_io;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_contract::proxies::Proxies;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::metrics::Metrics;
use crate::traces::Tracer;
use crate::wasm::Loaded;
use crate::{Error, Limits};

pub(crate) use bodies::StallGuard;
pub(crate) use check::check;

/// After a failure to accept that is not a connection's own: no file handles left, for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An application with what bounds it.
pub(crate) struct Application {
    loaded: Loaded,
    limits: Limits,
    places: places::Places,
    proxies: Proxies,
    ids: request_id::RequestIds,
    metrics: Metrics,
    tracer: Tracer,
}

impl Application {
    pub(crate) fn new(
        loaded: Loaded,
        limits: Limits,
        proxies: Proxies,
        metrics: Metrics,
        tracer: Tracer,
    ) -> Self {
        Self {
            loaded,
            proxies,
            places: places::Places::new(&limits, metrics.clone()),
            ids: request_id::RequestIds::default(),
            limits,
            metrics,
            tracer,
        }
    }

    pub(crate) fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }
}

/// Serves until `shutdown`, then lets what runs finish within the drain time.
pub(crate) async fn serve(
    application: Arc<Application>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let drain = application.limits.drain;
    let slots = Arc::new(Semaphore::new(application.limits.connections));
    let (draining, watched) = watch::channel(false);
    let mut connections = JoinSet::new();
    tracing::info!(application = %application.loaded.name, "serving");
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &slots) => {
                if let Some((stream, peer, slot)) = accepted {
                    let application = application.clone();
                    let watched = watched.clone();
                    connections.spawn(async move {
                        connection::serve(application, stream, peer, watched).await;
                        drop(slot);
                    });
                }
            }
        }
    }
    drop(listener);
    tracing::info!(connections = connections.len(), "draining");
    draining.send_replace(true);
    let finished = tokio::time::timeout(drain, async {
        while connections.join_next().await.is_some() {}
    });
    let finished = finished.await;
    let cut = connections.len();
    connections.shutdown().await;
    application.loaded.close();
    match finished {
        Ok(()) => Ok(()),
        Err(_) => Err(Error::CutOff(cut)),
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(error) => {
            tracing::warn!("cannot accept a connection: {error}");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}
