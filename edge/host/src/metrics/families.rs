//! The metrics themselves: names, labels, buckets.

use std::borrow::Cow;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// Names and values of `N` labels.
pub(super) type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];

/// Seconds; the buckets that OpenTelemetry advises for HTTP requests.
const REQUEST_BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Each metric; clones are one.
#[derive(Clone)]
pub(super) struct Families {
    pub(super) requests: Family<Labels<3>, Histogram, fn() -> Histogram>,
    pub(super) active: Family<Labels<1>, Gauge>,
    pub(super) uploads: Gauge,
    pub(super) connections: Gauge,
    pub(super) received: Family<Labels<1>, Counter>,
    pub(super) sent: Family<Labels<1>, Counter>,
    pub(super) instances: Family<Labels<1>, Gauge>,
    pub(super) created: Family<Labels<1>, Counter>,
    pub(super) ended: Family<Labels<2>, Counter>,
    pub(super) refused: Family<Labels<1>, Counter>,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("sluicegate_build", "The version that runs", version);
        let all = Self {
            requests: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS)),
            active: Family::default(),
            uploads: Gauge::default(),
            connections: Gauge::default(),
            received: Family::default(),
            sent: Family::default(),
            instances: Family::default(),
            created: Family::default(),
            ended: Family::default(),
            refused: Family::default(),
        };
        all.register_requests(registry);
        all.register_host(registry);
        all
    }

    fn register_requests(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "http_server_request_duration",
            "Requests by the manifest's routes, from their heads to the last byte of the answer; without a status: \
             the client went away",
            Unit::Seconds,
            self.requests.clone(),
        );
        registry.register(
            "http_server_active_requests",
            "Requests that are being answered",
            self.active.clone(),
        );
        registry.register_with_unit(
            "sluicegate_edge_received",
            "What clients sent as bodies",
            Unit::Bytes,
            self.received.clone(),
        );
        registry.register_with_unit(
            "sluicegate_edge_sent",
            "What clients were sent as bodies",
            Unit::Bytes,
            self.sent.clone(),
        );
    }

    fn register_host(&self, registry: &mut Registry) {
        registry.register(
            "sluicegate_edge_active_uploads",
            "Uploads that hold a place",
            self.uploads.clone(),
        );
        registry.register(
            "sluicegate_edge_connections",
            "Open connections of clients",
            self.connections.clone(),
        );
        registry.register(
            "sluicegate_edge_instances",
            "Instances that live, by component",
            self.instances.clone(),
        );
        registry.register(
            "sluicegate_edge_instances_created",
            "Instances that were made",
            self.created.clone(),
        );
        registry.register(
            "sluicegate_edge_instances_ended",
            "Instances by what ended them: retired, trap, computed (too long), timed_out, shutdown",
            self.ended.clone(),
        );
        registry.register(
            "sluicegate_edge_refused",
            "Requests that the host refused by itself: invalid, head_too_large, head_too_slow, body_too_slow, \
             no_route, requests_full, uploads_full, share_full, connection_share_full, instances_full",
            self.refused.clone(),
        );
    }
}

pub(super) fn word(word: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(word)
}
