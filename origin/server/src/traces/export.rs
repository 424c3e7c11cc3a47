//! Sends spans in the background.

use std::time::Duration;

use sluicegate_local::TraceCollector;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::layer::Counts;
use super::otlp::{Resource, Span};

/// Spans of one request to the collector at most.
const BATCH: usize = 512;
/// How long spans wait for others.
const GATHER: Duration = Duration::from_secs(1);
/// For what is left at the end.
const FLUSH: Duration = Duration::from_secs(5);

/// The exporter, running.
pub struct Exporting {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Exporting {
    pub(super) fn start(
        collector: TraceCollector,
        resource: Resource,
        receiver: mpsc::Receiver<Span>,
        counts: Counts,
    ) -> Self {
        let stop = CancellationToken::new();
        let sending = Sending {
            collector,
            resource,
            receiver,
            counts,
            stop: stop.clone(),
            is_down: false,
            lost: 0,
        };
        let task = tokio::spawn(sending.run());
        Self { stop, task }
    }

    /// Sends what is left, for at most 5 s.
    pub async fn finish(self) {
        self.stop.cancel();
        if timeout(FLUSH, self.task).await.is_err() {
            tracing::warn!("some spans were not sent: the collector is slow");
        }
    }
}

struct Sending {
    collector: TraceCollector,
    resource: Resource,
    receiver: mpsc::Receiver<Span>,
    counts: Counts,
    stop: CancellationToken,
    is_down: bool,
    /// Since the collector went down.
    lost: u64,
}

impl Sending {
    async fn run(mut self) {
        while !self.stop.is_cancelled() {
            let batch = self.gather().await;
            self.send(batch).await;
        }
        self.receiver.close();
        loop {
            let mut batch = Vec::new();
            if self.receiver.recv_many(&mut batch, BATCH).await == 0 {
                return;
            }
            self.send(batch).await;
        }
    }

    /// Until there are enough, or they waited long enough, or it is over.
    async fn gather(&mut self) -> Vec<Span> {
        let mut batch = Vec::new();
        let until = Instant::now() + GATHER;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                () = sleep_until(until) => break,
                received = self.receiver.recv_many(&mut batch, room) => {
                    if received == 0 {
                        // Nobody makes spans any more.
                        self.stop.cancel();
                    }
                }
            }
        }
        batch
    }

    /// Once: what a collector that is down did not take is lost, and said once.
    async fn send(&mut self, batch: Vec<Span>) {
        self.lost += self.counts.take();
        if batch.is_empty() {
            return;
        }
        let number = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        match self.collector.send(self.resource.request(&batch)).await {
            Ok(()) if self.is_down => {
                tracing::info!(lost = self.lost, "traces are sent again");
                self.is_down = false;
                self.lost = 0;
            }
            Ok(()) => {}
            Err(error) => {
                self.lost += number;
                if !self.is_down {
                    tracing::warn!(%error, "cannot send traces; spans are dropped until it is back");
                }
                self.is_down = true;
            }
        }
    }
}
