//! A request, measured from its head to the last byte of its answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::{Method, StatusCode};
use prometheus_client::metrics::counter::Counter;

use super::Metrics;
use super::families::{Labels, word};

/// A request that is not over yet; it is when this is dropped.
pub(crate) struct Running {
    metrics: Metrics,
    method: &'static str,
    route: Cow<'static, str>,
    status: Option<StatusCode>,
    began: Instant,
    sent: Option<Counter>,
}

impl Metrics {
    pub(crate) fn begin(&self, method: &Method) -> Running {
        let running = Running {
            metrics: self.clone(),
            method: known(method),
            route: word(""),
            status: None,
            began: Instant::now(),
            sent: None,
        };
        let active = &self.families.active;
        active
            .get_or_create_owned(&running.labels_of_active())
            .inc();
        running
    }
}

impl Running {
    /// The route of the manifest that the path fits.
    pub(crate) fn route(&mut self, route: &str) {
        self.route = route.to_owned().into();
    }

    pub(crate) fn status(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// One of the methods that are known, or `_OTHER`.
    pub(crate) fn method(&self) -> &'static str {
        self.method
    }

    /// Empty while it is not known.
    pub(crate) fn known_route(&self) -> &str {
        &self.route
    }

    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// Counts what comes, for the route that is known by now.
    pub(crate) fn inward(&self) -> Arc<Inward> {
        let labels = self.labels_of_route();
        Arc::new(Inward {
            bytes: AtomicU64::new(0),
            counter: self.metrics.families.received.get_or_create_owned(&labels),
        })
    }

    pub(crate) fn sent(&mut self, bytes: u64) {
        if self.sent.is_none() {
            let labels = self.labels_of_route();
            self.sent = Some(self.metrics.families.sent.get_or_create_owned(&labels));
        }
        if let Some(counter) = &self.sent {
            counter.inc_by(bytes);
        }
    }

    fn labels_of_active(&self) -> Labels<1> {
        [("http_request_method", word(self.method))]
    }

    fn labels_of_route(&self) -> Labels<1> {
        [("http_route", self.route.clone())]
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let families = &self.metrics.families;
        families
            .active
            .get_or_create_owned(&self.labels_of_active())
            .dec();
        let status = self
            .status
            .map_or(word(""), |status| Cow::Owned(status.as_u16().to_string()));
        let labels = [
            ("http_request_method", word(self.method)),
            ("http_route", std::mem::take(&mut self.route)),
            ("http_response_status_code", status),
        ];
        let took = self.began.elapsed().as_secs_f64();
        families.requests.get_or_create_owned(&labels).observe(took);
    }
}

/// What came of a request's body so far.
pub(crate) struct Inward {
    bytes: AtomicU64,
    counter: Counter,
}

impl Inward {
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.counter.inc_by(bytes);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// As OpenTelemetry has it: the known ones, and one word for all others.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE",
    ];
    let known = KNOWN.into_iter().find(|known| method.as_str() == *known);
    known.unwrap_or("_OTHER")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::Tracer;

    #[test]
    fn a_request_is_measured_when_it_is_over() {
        let metrics = Metrics::new(Tracer::default());
        let mut running = metrics.begin(&Method::POST);
        running.route("/v1/uploads");
        running.inward().add(7);
        running.sent(5);
        let during = metrics.text();
        assert!(during.contains("http_server_active_requests{http_request_method=\"POST\"} 1"));
        assert!(
            during.contains("sluicegate_edge_received_bytes_total{http_route=\"/v1/uploads\"} 7")
        );
        assert!(!during.contains("http_server_request_duration_seconds_count"));
        running.status(StatusCode::CREATED);
        drop(running);
        let after = metrics.text();
        assert!(after.contains("http_server_active_requests{http_request_method=\"POST\"} 0"));
        assert!(after.contains("sluicegate_edge_sent_bytes_total{http_route=\"/v1/uploads\"} 5"));
        let count = "http_server_request_duration_seconds_count{http_request_method=\"POST\",\
                     http_route=\"/v1/uploads\",http_response_status_code=\"201\"} 1";
        assert!(after.contains(count), "{after}");
    }

    #[test]
    fn methods_of_a_clients_own_are_one() {
        let metrics = Metrics::new(Tracer::default());
        for method in ["BREW", "WHEN"] {
            drop(metrics.begin(&Method::from_bytes(method.as_bytes()).unwrap()));
        }
        let text = metrics.text();
        assert!(text.contains(
            "http_request_method=\"_OTHER\",http_route=\"\",http_response_status_code=\"\"} 2"
        ));
        assert!(!text.contains("BREW"));
    }
}
