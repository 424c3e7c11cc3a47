//! Carries wake-ups between processes over `LISTEN` and `NOTIFY`.
//!
//! Never inside the transaction of the data: a commit that notifies takes a lock of the whole server
//! (measured: ten times fewer commits a second). One task here gathers this process's hints and sends
//! at most 20 notifications a second; one listens and feeds the [`Waker`]. Hints may be lost.

mod hints;
mod listen;
mod send;

use std::sync::Arc;
use std::time::Duration;

use sluicegate_core::error::PortError;
use sluicegate_core::wake::Waker;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::database::connect_options;
use hints::Foreign;

/// One channel a database; the schema needs no part in it.
const CHANNEL: &str = "sluicegate_wake";
/// The pause between notifications: 20 a second.
const PACE: Duration = Duration::from_millis(50);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long the server may take to connect us or to answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// After so long without a notification the listener asks whether its connection still lives.
const SILENCE: Duration = Duration::from_secs(30);

/// Starts both tasks; they run until `shutdown` and connect again whenever a connection is lost. Needs a
/// direct connection: behind a pooler in transaction mode `LISTEN` hears nothing. Fails only if the URL
/// cannot be read. The tasks end when the set is dropped, too.
pub fn spawn_wake_bridge(
    direct_url: &str,
    waker: Waker,
    shutdown: CancellationToken,
) -> Result<JoinSet<()>, PortError> {
    let options = connect_options(direct_url)?;
    let foreign = Arc::new(Foreign::default());
    let mut tasks = JoinSet::new();
    // Listens from here on, so that no hint is missed between this call and the task's first step.
    let hints = waker.listen();
    tasks.spawn({
        let (options, foreign, shutdown) = (options.clone(), foreign.clone(), shutdown.clone());
        async move {
            let sending = Box::pin(send::run(options, hints, &foreign));
            shutdown.run_until_cancelled(sending).await;
        }
    });
    tasks.spawn(async move {
        let hearing = Box::pin(listen::run(options, &waker, &foreign));
        shutdown.run_until_cancelled(hearing).await;
    });
    Ok(tasks)
}

/// Waits for the server, but not for one that went without a word.
async fn answered<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    timeout(ANSWER_TIME, answer)
        .await
        .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

/// The pause before the next attempt to connect.
struct Backoff(Duration);

impl Backoff {
    fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    async fn pause(&mut self, what: &'static str, error: &sqlx::Error) {
        tracing::warn!(%error, pause = ?self.0, "lost the connection that {what}");
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }

    fn reset(&mut self) {
        self.0 = FIRST_PAUSE;
    }
}
