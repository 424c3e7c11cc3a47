//! Traces: spans of requests, jobs and what they call, sent to an OpenTelemetry collector if one is configured.
//!
//! Requests and jobs name their own ids (`sluicegate_core::trace`), so a trace that begins at an edge goes on here and
//! in the job; the spans within them are named by [`layer`]. [`otlp`] writes them, [`export`] sends them. Nothing here
//! slows a request: spans that nobody takes are dropped and counted.

mod export;
mod layer;
mod otlp;

use anyhow::{Context, Result};
use sluicegate_core::env::Env;
use sluicegate_local::{TraceCollector, http_client};
use tokio::sync::mpsc;

use crate::settings::TraceSettings;

pub use export::Exporting;
pub use layer::SpanLayer;

/// Spans that may wait for the collector: some seconds of a busy origin, about 4 MiB.
const QUEUE: usize = 8_192;

/// A collector that is not connected yet: logs start before there is a runtime.
pub struct Pending {
    receiver: mpsc::Receiver<otlp::Span>,
    counts: layer::Counts,
    settings: TraceSettings,
}

/// The layer that makes spans, and what will send them.
pub fn prepare(settings: &TraceSettings, env: Env) -> (SpanLayer, Pending) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let counts = layer::Counts::default();
    let layer = SpanLayer::new(env, settings.ratio, sender, counts.clone());
    let pending = Pending {
        receiver,
        counts,
        settings: settings.clone(),
    };
    (layer, pending)
}

impl Pending {
    /// Sends from now on; within a runtime.
    pub fn start(self) -> Result<Exporting> {
        let headers = self.settings.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect();
        let collector = TraceCollector::new(http_client()?, &self.settings.endpoint, &headers)
            .context("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        tracing::info!("traces: sent to {}", self.settings.endpoint);
        let resource = otlp::Resource::new(&self.settings.service);
        Ok(Exporting::start(
            collector,
            resource,
            self.receiver,
            self.counts,
        ))
    }
}
