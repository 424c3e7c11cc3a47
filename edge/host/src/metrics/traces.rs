//! What became of spans: asked at each scrape, where anything is traced.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use crate::traces::Tracer;

#[derive(Debug)]
pub(super) struct Traces(pub(super) Tracer);

impl Collector for Traces {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(lost) = self.0.lost() else {
            return Ok(());
        };
        let encoder = encoder.encode_descriptor(
            "sluicegate_edge_spans_lost",
            "Spans that were given up: too many waited, or the collector did not take them",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(lost).encode(encoder)
    }
}
