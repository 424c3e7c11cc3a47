use sluicegate_core::job::QUEUES;
use sluicegate_core::wake::{Wake, Waker};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::timeout;

use super::hints::{Foreign, decode};
use super::{Backoff, CHANNEL, SILENCE, answered};
use crate::pool::on_a_thread;

/// Never ends by itself.
pub(super) async fn run(options: PgConnectOptions, waker: &Waker, foreign: &Foreign) {
    let mut backoff = Backoff::new();
    loop {
        let error = match connect(&options).await {
            Ok(mut listener) => {
                backoff.reset();
                wake_all(waker, foreign);
                hear(&mut listener, waker, foreign).await
            }
            Err(error) => error,
        };
        backoff.pause("hears wake-ups", &error).await;
    }
}

async fn connect(options: &PgConnectOptions) -> sqlx::Result<PgListener> {
    answered(async {
        // A listener wants a pool of its own; ours must not lend it a connection.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(options.clone());
        let mut listener =
            on_a_thread(async move { PgListener::connect_with(&pool).await }).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    })
    .await
}

/// Hears until the connection is lost.
async fn hear(listener: &mut PgListener, waker: &Waker, foreign: &Foreign) -> sqlx::Error {
    loop {
        let notification = match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => notification,
            Ok(Ok(None)) => {
                return std::io::Error::from(std::io::ErrorKind::ConnectionReset).into();
            }
            Ok(Err(error)) => return error,
            Err(_) => match answered(ask(listener)).await {
                Ok(()) => continue,
                Err(error) => return error,
            },
        };
        if foreign.is_sender(notification.process_id()) {
            continue;
        }
        for hint in decode(notification.payload()) {
            foreign.arrives(hint);
            waker.wake(hint);
        }
    }
}

/// A connection that was cut without a word is found only by using it. It listens already, and whoever looks at the server's
/// sessions goes on to see what this one is for.
async fn ask(listener: &mut PgListener) -> sqlx::Result<()> {
    sqlx::query(r#"LISTEN "sluicegate_wake""#)
        .execute(listener)
        .await
        .map(drop)
}

/// Nobody knows what was missed while we did not hear.
fn wake_all(waker: &Waker, foreign: &Foreign) {
    for queue in QUEUES {
        foreign.arrives(Wake::Jobs(queue));
        waker.wake(Wake::Jobs(queue));
    }
}
