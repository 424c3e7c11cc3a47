//! Redis as long as it answers quickly, and an error at once while it does not.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::RedisResult;
use sluicegate_core::error::PortError;
use sluicegate_redis_address::RedisAddress;
use tokio::time::{Instant, timeout};

use crate::connection::Connection;

const SERVICE: &str = "Redis";

/// How long Redis is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// One call, with the connecting if there is no connection yet.
    pub call: Duration,
    /// How long it is left alone after a call that failed.
    pub pause: Duration,
}

/// A quarter of a second, and a second: requests of clients wait for these calls.
impl Default for Patience {
    fn default() -> Self {
        Self {
            call: Duration::from_millis(250),
            pause: Duration::from_secs(1),
        }
    }
}

/// One server or cluster, for all adapters of a process. Connects when it is first asked. After a call that failed all
/// fail at once, until the pause is over; then one finds out whether it is back.
pub struct Shared {
    address: RedisAddress,
    patience: Patience,
    state: Mutex<State>,
    /// Held by whoever connects: the others wait for that connection.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// It failed, and nobody asks before.
    rests_until: Option<Instant>,
}

impl Shared {
    /// At that address.
    pub fn new(address: RedisAddress, patience: Patience) -> Self {
        Self {
            address,
            patience,
            state: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// Answers if it does.
    pub async fn ping(&self) -> Result<(), PortError> {
        let ping = redis::cmd("PING");
        self.call(|mut connection| async move { ping.exec_async(&mut connection).await })
            .await
    }

    /// Makes one call.
    pub(crate) async fn call<T, F>(
        &self,
        call: impl FnOnce(Connection) -> F + Send,
    ) -> Result<T, PortError>
    where
        F: Future<Output = RedisResult<T>> + Send,
    {
        self.may_ask()?;
        let called = timeout(self.patience.call, async {
            call(self.connection().await?).await
        });
        let failure = match called.await {
            Ok(Ok(answer)) => {
                self.state().rests_until = None;
                return Ok(answer);
            }
            // Never holds a URL.
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it did not answer in time".to_owned(),
        };
        let mut state = self.state();
        // It may be half dead: whoever asks next makes another one.
        state.connection = None;
        state.rests_until = Some(Instant::now() + self.patience.pause);
        drop(state);
        Err(PortError::unavailable(SERVICE, failure))
    }

    fn may_ask(&self) -> Result<(), PortError> {
        let now = Instant::now();
        let mut state = self.state();
        match state.rests_until {
            Some(until) if now < until => Err(PortError::unavailable(
                SERVICE,
                "it failed a moment ago, and is left alone",
            )),
            Some(_) => {
                // This call finds out; the others do not wait for it.
                state.rests_until = Some(now + self.patience.pause);
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn connection(&self) -> RedisResult<Connection> {
        if let Some(connection) = self.known() {
            return Ok(connection);
        }
        let _alone = self.connecting.lock().await;
        if let Some(connection) = self.known() {
            return Ok(connection);
        }
        let connection = Connection::open(&self.address, self.patience.call).await?;
        self.state().connection = Some(connection.clone());
        Ok(connection)
    }

    fn known(&self) -> Option<Connection> {
        self.state().connection.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each of its parts stands for itself: a panic elsewhere cannot have left it half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
