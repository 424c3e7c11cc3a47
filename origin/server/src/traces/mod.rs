//! Traces: spans of requests, jobs and what they call, sent to an OpenTelemetry collector if one is configured.
//!
//! Requests and jobs name their own ids (`sluicegate_core::trace`), so a trace that begins at an edge goes on here and
//! in the job; the spans within them are named by [`layer`]. The crate `sluicegate-otlp` writes and sends them.

mod layer;

use anyhow::{Context, Result};
use sluicegate_core::env::Env;
use sluicegate_local::{TraceCollector, http_client};
use sluicegate_otlp::{Exporter, Exporting, Resource};

use crate::settings::TraceSettings;

pub use layer::SpanLayer;

/// A collector that is not connected yet: logs start before there is a runtime.
pub struct Pending {
    exporter: Exporter,
    settings: TraceSettings,
}

/// The layer that makes spans, and what will send them.
pub fn prepare(settings: &TraceSettings, env: Env) -> (SpanLayer, Pending) {
    let (sink, exporter) = sluicegate_otlp::spans(settings.ratio);
    let pending = Pending {
        exporter,
        settings: settings.clone(),
    };
    (SpanLayer::new(env, sink), pending)
}

impl Pending {
    /// Sends from now on; within a runtime.
    pub fn start(self) -> Result<Exporting> {
        let traces = &self.settings;
        let collector = TraceCollector::new(http_client()?, &traces.endpoint, &traces.headers())
            .context("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        tracing::info!("traces: sent to {}", traces.endpoint);
        let resource = Resource::new(&traces.service);
        Ok(self.exporter.start(collector, resource))
    }
}
