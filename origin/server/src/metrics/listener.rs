//! The listener of the metrics: its own, so that it can be closed to those who use the API.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::prometheus_text;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Metrics;
use super::census::Counting;
use crate::compose::Ports;
use crate::http::{Bounds, serve};
use crate::settings::MetricsListen;

/// Scrapers are few.
const BOUNDS: Bounds = Bounds {
    connections: 16,
    drain: Duration::from_secs(1),
};

/// Listens where the settings say. An address that nobody chose and that is taken, as by another process of ours on
/// the same machine, is replaced by a free port. `None` if metrics are off.
pub async fn bind(chosen: MetricsListen) -> Result<Option<TcpListener>> {
    let address = match chosen {
        MetricsListen::Off => return Ok(None),
        MetricsListen::Chosen(address) | MetricsListen::Default(address) => address,
    };
    let listener = match (TcpListener::bind(address).await, chosen) {
        (Err(error), MetricsListen::Default(_))
            if error.kind() == std::io::ErrorKind::AddrInUse =>
        {
            tracing::warn!(
                "{address} is taken; metrics get a free port (METRICS_LISTEN chooses one)"
            );
            TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
        }
        (bound, _) => bound,
    };
    let listener =
        listener.with_context(|| format!("cannot listen on {address} (METRICS_LISTEN)"))?;
    Ok(Some(listener))
}

/// What is running: `/metrics`, and `/livez` for probes of processes that serve nothing else.
pub struct MetricsServer {
    stop: CancellationToken,
    task: JoinHandle<bool>,
}

impl MetricsServer {
    /// Serves until [`Self::stop`]: also while requests and jobs drain.
    pub fn start(listener: TcpListener, ports: &Ports) -> Self {
        let app = App {
            metrics: ports.metrics.clone(),
            counting: Counting::new(ports),
        };
        let router = Router::new()
            .route("/metrics", get(scrape))
            .route("/livez", get(async || "live\n"))
            .with_state(Arc::new(app));
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, router, BOUNDS, stop.clone()));
        Self { stop, task }
    }

    /// Ends it.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the listener of the metrics broke");
        }
    }
}

struct App {
    metrics: Metrics,
    counting: Counting,
}

async fn scrape(State(app): State<Arc<App>>) -> impl IntoResponse {
    app.counting.refresh(&app.metrics).await;
    (
        [(CONTENT_TYPE, prometheus_text::CONTENT_TYPE)],
        app.metrics.text(),
    )
}
