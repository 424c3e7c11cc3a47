//! What the demo prints.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::Upload;

/// Prints each step with the time that it took.
pub struct Report {
    start: Instant,
    steps: u32,
}

impl Report {
    /// One without steps.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            steps: 0,
        }
    }

    /// A heading.
    #[expect(
        clippy::unused_self,
        reason = "a report is written through its methods"
    )]
    pub fn title(&self, text: &str) {
        println!("\n{text}");
    }

    /// A line of its own.
    #[expect(
        clippy::unused_self,
        reason = "a report is written through its methods"
    )]
    pub fn note(&self, text: &str) {
        println!("         {text}");
    }

    /// Takes a step, and says how long it took.
    pub async fn step<T>(
        &mut self,
        what: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let start = Instant::now();
        let result = work.await.with_context(|| what.to_owned());
        let mark = if result.is_ok() { "ok" } else { "FAILED" };
        println!("  {mark:6} {what} ({})", milliseconds(start.elapsed()));
        self.steps += 1;
        result
    }

    /// The stages of an upload, by its own times.
    pub fn stages(&self, upload: &Upload) {
        let stage = |name: &str, from: Option<Timestamp>, to: Option<Timestamp>| match (from, to) {
            (Some(from), Some(to)) => format!("{name} {}", milliseconds(to.since(from))),
            _ => format!("{name} -"),
        };
        self.note(&format!(
            "{}, {}, {}",
            stage("received", Some(upload.created_at), upload.received_at),
            stage("processed", upload.received_at, upload.ready_at),
            stage(
                "moderated",
                upload.ready_at.or(upload.received_at),
                upload.moderated_at
            ),
        ));
    }

    /// The last line.
    pub fn end(self) {
        println!(
            "\nall {} steps came out as they should, in {:.1} s",
            self.steps,
            self.start.elapsed().as_secs_f64()
        );
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
