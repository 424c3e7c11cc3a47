//! What is counted, in words of the field: OpenTelemetry's names and buckets for HTTP, `sluicegate_edge_…` for the
//! rest. One [`Metrics`] a host, passed to whoever counts; served by [`serve`] on a listener of its own.
//!
//! Labels hold words of ours and routes and components of the manifest, never what a client sent, so the number of
//! series is bounded.

mod families;
mod listener;
mod process;
mod running;
mod traces;

use std::sync::Arc;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::traces::Tracer;
use families::{Families, word};

pub use listener::serve;
pub(crate) use running::{Inward, Running};

/// Everything that one host counts. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    families: Families,
}

/// Why a request was refused by the host itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The head is no HTTP, or names no host or no path.
    Invalid,
    /// The head is too long or has too many fields.
    HeadTooLarge,
    /// The head did not come in time.
    HeadTooSlow,
    /// The body did not come in time, or came too slowly.
    BodyTooSlow,
    NoRoute,
    /// All places for requests are taken.
    RequestsFull,
    /// All places for uploads are taken.
    UploadsFull,
    /// The client holds its share of the places for requests or uploads.
    ShareFull,
    /// The address holds its share of the connections.
    ConnectionShareFull,
    /// There is no room for another instance.
    InstancesFull,
}

impl Refused {
    fn word(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::HeadTooLarge => "head_too_large",
            Self::HeadTooSlow => "head_too_slow",
            Self::BodyTooSlow => "body_too_slow",
            Self::NoRoute => "no_route",
            Self::RequestsFull => "requests_full",
            Self::UploadsFull => "uploads_full",
            Self::ShareFull => "share_full",
            Self::ConnectionShareFull => "connection_share_full",
            Self::InstancesFull => "instances_full",
        }
    }
}

/// What ended an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was used up, or not used for a while.
    Retired,
    /// Its component trapped: a panic, or memory beyond the limit.
    Trap,
    /// It computed for too long without a byte moving.
    Computed,
    /// A request ran out of time and would not end.
    TimedOut,
    /// The host ends.
    Shutdown,
}

impl Ended {
    fn word(self) -> &'static str {
        match self {
            Self::Retired => "retired",
            Self::Trap => "trap",
            Self::Computed => "computed",
            Self::TimedOut => "timed_out",
            Self::Shutdown => "shutdown",
        }
    }
}

impl Metrics {
    /// Nothing counted yet; what becomes of spans, `tracer` knows.
    pub(crate) fn new(tracer: Tracer) -> Self {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry);
        registry.register_collector(Box::new(process::Process));
        registry.register_collector(Box::new(traces::Traces(tracer)));
        Self {
            registry: Arc::new(registry),
            families,
        }
    }

    /// All of it in Prometheus' text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = prometheus_text::encode(&mut text, &self.registry);
        text
    }

    pub(crate) fn refused(&self, why: Refused) {
        let labels = [("reason", word(why.word()))];
        self.families.refused.get_or_create_owned(&labels).inc();
    }

    pub(crate) fn instance_created(&self, component: &str) {
        let labels = [("component", component.to_owned().into())];
        self.families.created.get_or_create_owned(&labels).inc();
        self.families.instances.get_or_create_owned(&labels).inc();
    }

    pub(crate) fn instance_ended(&self, component: &str, how: Ended) {
        let component = || component.to_owned().into();
        let live = [("component", component())];
        self.families.instances.get_or_create_owned(&live).dec();
        let labels = [("component", component()), ("reason", word(how.word()))];
        self.families.ended.get_or_create_owned(&labels).inc();
    }

    /// A connection of a client's, until what is given is dropped.
    pub(crate) fn connection(&self) -> Counted {
        Counted::new(self.families.connections.clone())
    }

    /// An upload that has its place, until what is given is dropped.
    pub(crate) fn upload(&self) -> Counted {
        Counted::new(self.families.uploads.clone())
    }
}

/// Counts as one while it lives.
pub(crate) struct Counted(Gauge);

impl Counted {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
