//! What became of spans: asked at each scrape, where anything is traced.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;

use crate::traces::SpanLayer;

/// Asks the process's log, which is one for all origins in it.
#[derive(Debug)]
pub(super) struct Spans;

impl Collector for Spans {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let lost = tracing::dispatcher::get_default(|dispatch| {
            dispatch.downcast_ref::<SpanLayer>().map(SpanLayer::lost)
        });
        let Some(lost) = lost else { return Ok(()) };
        let counter = ConstCounter::new(lost);
        let encoder = encoder.encode_descriptor(
            "sluicegate_spans_lost",
            "Spans that were given up: too many waited, or the collector did not take them",
            None,
            counter.metric_type(),
        )?;
        counter.encode(encoder)
    }
}
