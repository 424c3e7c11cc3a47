//! Connections are opened by threads of their own, beside the tasks of the runtime.
//!
//! A login by SCRAM (RFC 5802) is computed for some milliseconds, 4,096 rounds by default, and sqlx gives way to other tasks
//! every five of them. Among tasks that is 819 turns, each behind all that a busy process has to do: seconds, where a request takes
//! a few turns. A thread competes with the few threads of the process, and needs the runtime only where it waits for the server.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tracing::Instrument;

/// Opens a connection that belongs to no pool.
pub(crate) async fn connect(options: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    let options = options.clone();
    on_a_thread(async move { options.connect().await }).await
}

/// What `open` answers; it is given up when the caller goes away. `WorkerCrashed` if it panics, or the runtime ends meanwhile.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    open: impl Future<Output = sqlx::Result<T>> + Send + 'static,
) -> sqlx::Result<T> {
    let (runtime, open) = (Handle::current(), open.in_current_span());
    let (mut caller, opened) = oneshot::channel();
    spawn_blocking(move || {
        let result = runtime.block_on(async {
            tokio::select! {
                // First: a runtime that ends drops its tasks, and then there are no sockets and timers any more.
                biased;
                () = caller.closed() => None,
                result = open => Some(result),
            }
        });
        if let Some(result) = result {
            // If nobody is there any more, a connection goes back to its pool.
            let _ = caller.send(result);
        }
    });
    opened.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_given_up() {
        let (held, given_up) = oneshot::channel::<()>();
        let never = async move {
            let _held = held;
            pending::<sqlx::Result<()>>().await
        };
        let waited = timeout(Duration::from_millis(10), on_a_thread(never)).await;
        assert!(waited.is_err(), "it never ends");
        let lost = timeout(PATIENCE, given_up).await.expect("it is given up");
        assert!(lost.is_err());
    }

    #[tokio::test]
    async fn errors_are_handed_on() {
        let refused = on_a_thread::<()>(async { Err(sqlx::Error::RowNotFound) }).await;
        assert!(matches!(refused, Err(sqlx::Error::RowNotFound)));
    }
}
