//! How picture detectors stand: asked at each scrape, kept nowhere.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use sluicegate_local::DetectorStandings;

/// The detectors of one process; none where none are named.
#[derive(Debug)]
pub(super) struct Detectors(pub(super) Option<DetectorStandings>);

impl Collector for Detectors {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (named, used) = match &self.0 {
            Some(standings) => (standings.named(), standings.used()),
            None => (0, 0),
        };
        let counts = [
            (
                "sluicegate_detectors",
                "Addresses of picture detectors that are named",
                named,
            ),
            (
                "sluicegate_detectors_in_use",
                "Addresses of picture detectors that are not left alone after failures now",
                used,
            ),
        ];
        for (name, help, count) in counts {
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}
