//! The command `detector`: a service that speaks the detectors' protocol and knows pictures by their hash alone, until
//! there is a model. It finds what it was told of, and nothing else: a copy that differs by one byte passes.

mod classify;
mod known;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;

pub use known::{InvalidList, KnownFiles};

use crate::http::{self, Bounds};
use crate::settings::Settings;
use crate::signals;

/// Serves until a signal.
pub async fn run(settings: &Settings) -> Result<ExitCode> {
    let shutdown = signals::stop_on_signal()?;
    let chosen = &settings.detector;
    let listener = TcpListener::bind(chosen.listen)
        .await
        .with_context(|| format!("cannot listen on {} (DETECTOR_LISTEN)", chosen.listen))?;
    tracing::warn!(
        "this detector has no model: it calls {} known files unsafe, and everything else safe",
        chosen.known.len()
    );
    println!("listening on http://{}", listener.local_addr()?);
    let bounds = Bounds {
        connections: usize::try_from(settings.work.connections)?,
        drain: settings.drain,
    };
    if !http::serve(listener, router(&chosen.known), bounds, shutdown).await {
        tracing::warn!("some requests were cut: they took longer than DRAIN_SECONDS");
    }
    Ok(ExitCode::SUCCESS)
}

fn router(known: &Arc<KnownFiles>) -> Router {
    Router::new()
        .route("/classify", post(classify::handler))
        .route("/health", get(async || "ok\n"))
        .with_state(Arc::clone(known))
}
