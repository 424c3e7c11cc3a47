//! Where spans go when they are over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::encode::Span;
use crate::export::Exporter;

/// Spans that may wait for the collector: some seconds of a busy program, about 4 MiB.
const QUEUE: usize = 8_192;

/// Takes spans that are over, without waiting. Clones are one.
#[derive(Debug, Clone)]
pub struct SpanSink {
    sender: mpsc::Sender<Span>,
    lost: Lost,
    /// Traces below this are wanted.
    below: u64,
}

/// A sink that wants `ratio` (0 to 1) of all traces, and what will send its spans. All programs that are told the same
/// ratio want the same traces.
pub fn spans(ratio: f64) -> (SpanSink, Exporter) {
    bounded(ratio, QUEUE)
}

pub(crate) fn bounded(ratio: f64, queue: usize) -> (SpanSink, Exporter) {
    let (sender, receiver) = mpsc::channel(queue);
    let lost = Lost::default();
    let sink = SpanSink {
        sender,
        lost: lost.clone(),
        below: threshold(ratio),
    };
    (sink, Exporter::new(receiver, lost))
}

impl SpanSink {
    /// Whether spans of a trace are wanted, by the low 64 bits of its id: as OpenTelemetry's `TraceIdRatioBased` has it.
    pub fn wants(&self, low_half: u64) -> bool {
        low_half >> 1 < self.below
    }

    /// Hands a span to the exporter; it is dropped and counted if too many wait.
    pub fn put(&self, span: Span) {
        if self.sender.try_send(span).is_err() {
            self.lost.add(1);
        }
    }

    /// How many spans were given up so far, since too many waited or the collector did not take them.
    pub fn lost(&self) -> u64 {
        self.lost.total()
    }
}

/// A count of spans that were given up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lost(Arc<AtomicU64>);

impl Lost {
    pub(crate) fn add(&self, spans: u64) {
        self.0.fetch_add(spans, Ordering::Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The share of 2^63 ids.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is not exact, and conversions from floats saturate"
)]
fn threshold(ratio: f64) -> u64 {
    (ratio.clamp(0.0, 1.0) * 2_f64.powi(63)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_none_or_half_of_all_traces_are_wanted() {
        let wanted = |ratio, id| spans(ratio).0.wants(id);
        assert!(wanted(1.0, 0) && wanted(1.0, u64::MAX));
        assert!(!wanted(0.0, 0) && !wanted(0.0, u64::MAX));
        assert!(wanted(0.5, u64::MAX / 2) && !wanted(0.5, u64::MAX / 2 + 1));
    }
}
