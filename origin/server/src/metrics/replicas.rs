//! How the replicas stand: asked at each scrape, kept nowhere.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use sluicegate_postgres::replicas::Replicas;

/// The replicas of one origin; none where none are named.
#[derive(Debug)]
pub(super) struct Standings(pub(super) Option<Replicas>);

impl Collector for Standings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let standings = self.0.as_ref().map(Replicas::standings).unwrap_or_default();
        let used = standings.iter().filter(|standing| standing.used).count();
        let counts = [
            (
                "sluicegate_database_replicas",
                "Replicas that are named",
                standings.len(),
            ),
            (
                "sluicegate_database_replicas_in_use",
                "Replicas that answer reads now",
                used,
            ),
        ];
        for (name, help, count) in counts {
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        let Some(replicas) = &self.0 else {
            return Ok(());
        };
        let (by_primary, by_replicas) = replicas.reads();
        let mut reads = encoder.encode_descriptor(
            "sluicegate_database_public_reads",
            "Public reads by who answered: primary, replica",
            None,
            MetricType::Counter,
        )?;
        for (by, count) in [("primary", by_primary), ("replica", by_replicas)] {
            let count = ConstCounter::new(count);
            count.encode(reads.encode_family(&[("by", by)])?)?;
        }
        let mut ages = encoder.encode_descriptor(
            "sluicegate_database_replica_age_seconds",
            "How old the data of a replica is at most, by its place in DATABASE_READ_URL; left out while it is not known",
            None,
            MetricType::Gauge,
        )?;
        for (place, standing) in standings.iter().enumerate() {
            let Some(age) = standing.age else { continue };
            let gauge = ConstGauge::new(age.as_secs_f64());
            let place = [("replica", (place + 1).to_string())];
            gauge.encode(ages.encode_family(&place)?)?;
        }
        Ok(())
    }
}
