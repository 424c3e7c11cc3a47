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
        let traces = &self.settings;
        let collector = TraceCollector::new(http_client()?, &traces.endpoint, &traces.headers())
            .context("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        tracing::info!("traces: sent to {}", traces.endpoint);
        let resource = otlp::Resource::new(&traces.service);
        Ok(Exporting::start(
            collector,
            resource,
            self.receiver,
            self.counts,
        ))
    }
}
