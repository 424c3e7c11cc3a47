//! Sends spans in the background.

use std::fmt::Display;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::encode::{Resource, Span};
use crate::sink::Lost;

/// Spans of one request to the collector at most.
const BATCH: usize = 512;
/// How long spans wait for others.
const GATHER: Duration = Duration::from_secs(1);
/// For what is left at the end.
const FLUSH: Duration = Duration::from_secs(5);

/// Takes what is sent: `POST <endpoint>/v1/traces` with `content-type: application/json`.
pub trait Collector: Send + Sync + 'static {
    /// Why the collector took nothing; never with an address that could hold secrets.
    type Error: Display + Send;

    /// Sends one request, once, in bounded time. After `Err` its spans are lost.
    fn send(&self, json: Vec<u8>) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// What will send spans, once there is a runtime and a collector: logs start before both.
#[derive(Debug)]
pub struct Exporter {
    receiver: mpsc::Receiver<Span>,
    lost: Lost,
}

impl Exporter {
    pub(crate) fn new(receiver: mpsc::Receiver<Span>, lost: Lost) -> Self {
        Self { receiver, lost }
    }

    /// Takes what waits, for a program that looks at its own spans.
    pub fn take(&mut self) -> Vec<Span> {
        let mut waiting = Vec::new();
        while let Ok(span) = self.receiver.try_recv() {
            waiting.push(span);
        }
        waiting
    }

    /// Sends from now on, as `resource`; within a runtime.
    pub fn start(self, collector: impl Collector, resource: Resource) -> Exporting {
        let stop = CancellationToken::new();
        let sending = Sending {
            collector,
            resource,
            receiver: self.receiver,
            lost: self.lost,
            stop: stop.clone(),
            down_since: None,
        };
        let task = tokio::spawn(sending.run());
        Exporting { stop, task }
    }
}

/// The exporter, running.
#[derive(Debug)]
pub struct Exporting {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Exporting {
    /// Sends what is left, for at most 5 s.
    pub async fn finish(self) {
        self.stop.cancel();
        if timeout(FLUSH, self.task).await.is_err() {
            tracing::warn!("some spans were not sent: the collector is slow");
        }
    }
}

struct Sending<C> {
    collector: C,
    resource: Resource,
    receiver: mpsc::Receiver<Span>,
    lost: Lost,
    stop: CancellationToken,
    /// How many were lost when the collector went down.
    down_since: Option<u64>,
}

impl<C: Collector> Sending<C> {
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
        if batch.is_empty() {
            return;
        }
        let sent = self.collector.send(self.resource.request(&batch)).await;
        match (sent, self.down_since) {
            (Ok(()), None) => {}
            (Ok(()), Some(before)) => {
                let lost = self.lost.total().saturating_sub(before);
                tracing::info!(lost, "traces are sent again");
                self.down_since = None;
            }
            (Err(error), before) => {
                if before.is_none() {
                    tracing::warn!(%error, "cannot send traces; spans are dropped until it is back");
                    self.down_since = Some(self.lost.total());
                }
                let spans = u64::try_from(batch.len()).unwrap_or(u64::MAX);
                self.lost.add(spans);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;
    use crate::encode::Kind;
    use crate::sink::bounded;

    #[derive(Clone, Default)]
    struct Kept {
        requests: Arc<Mutex<Vec<Value>>>,
        is_down: bool,
    }

    impl Collector for Kept {
        type Error = &'static str;

        async fn send(&self, json: Vec<u8>) -> Result<(), Self::Error> {
            let request = serde_json::from_slice(&json).unwrap();
            self.requests.lock().unwrap().push(request);
            if self.is_down { Err("down") } else { Ok(()) }
        }
    }

    fn span(name: &str) -> Span {
        Span {
            trace: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
            id: "00f067aa0ba902b7".to_owned(),
            parent: None,
            name: name.to_owned(),
            kind: Kind::Internal,
            began: 0,
            ended: 1,
            attributes: Vec::new(),
            error: None,
        }
    }

    #[tokio::test]
    async fn what_is_left_is_sent_at_the_end() {
        let (sink, exporter) = bounded(1.0, 2 * BATCH);
        let collector = Kept::default();
        for number in 0..=BATCH {
            sink.put(span(&number.to_string()));
        }
        let exporting = exporter.start(collector.clone(), Resource::new("x"));
        exporting.finish().await;
        let requests = collector.requests.lock().unwrap();
        let sizes = requests.iter().map(|request| {
            let scope = &request["resourceSpans"][0]["scopeSpans"][0];
            scope["spans"].as_array().unwrap().len()
        });
        assert_eq!(sizes.collect::<Vec<_>>(), [BATCH, 1]);
        assert_eq!(sink.lost(), 0);
    }

    #[tokio::test]
    async fn what_nobody_takes_is_counted() {
        let (sink, exporter) = bounded(1.0, 2);
        for name in ["a", "b", "no room"] {
            sink.put(span(name));
        }
        assert_eq!(sink.lost(), 1);
        let down = Kept {
            is_down: true,
            ..Kept::default()
        };
        exporter.start(down, Resource::new("x")).finish().await;
        assert_eq!(sink.lost(), 3);
        sink.put(span("after the end"));
        assert_eq!(sink.lost(), 4);
    }
}
