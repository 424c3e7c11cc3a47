//! Redis as long as it answers quickly, and an error at once while it does not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use sluicegate_core::error::PortError;
use sluicegate_redis_address::RedisAddress;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::connection::Connection;

const SERVICE: &str = "Redis";

/// How long Redis is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// One call; where there is no connection yet, for that one as well.
    pub call: Duration,
    /// How long it is left alone after it failed.
    pub pause: Duration,
    /// Connecting, to all nodes that are named. It goes on behind the calls that do not wait for it.
    pub connect: Duration,
    /// Connecting to one node of a cluster: those that answer wait so long for one that does not.
    pub node: Duration,
}

/// A quarter of a second, and a second: requests of clients wait for these calls. Nobody waits for five and two seconds.
impl Default for Patience {
    fn default() -> Self {
        Self {
            call: Duration::from_millis(250),
            pause: Duration::from_secs(1),
            connect: Duration::from_secs(5),
            node: Duration::from_secs(2),
        }
    }
}

/// One server or cluster, for all adapters of a process. Connects when it is first asked. After an outage all calls fail at
/// once, until the pause is over; then one finds out whether it is back. A call that Redis refuses, for want of room or of
/// a right, is that call's error alone.
pub struct Shared {
    address: RedisAddress,
    patience: Patience,
    state: Arc<Mutex<State>>,
}

struct State {
    link: Link,
    /// Of the newest connection: a call that fails on an older one says nothing of this one.
    number: u64,
    /// It failed, and nobody asks before.
    rests_until: Option<Instant>,
}

enum Link {
    /// There is none, and why.
    Closed(String),
    /// Somebody connects, and drops the other end when that is over. Calls wait until then, but no longer than this: who
    /// comes later fails at once.
    Opening(Instant, watch::Receiver<()>),
    Open(Connection),
}

impl Shared {
    /// At that address.
    pub fn new(address: RedisAddress, patience: Patience) -> Self {
        let state = State {
            link: Link::Closed(String::new()),
            number: 0,
            rests_until: None,
        };
        Self {
            address,
            patience,
            state: Arc::new(Mutex::new(state)),
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
        let deadline = Instant::now() + self.patience.call;
        let (number, connection) = self.connection(deadline).await?;
        let failure = match timeout_at(deadline, call(connection)).await {
            Ok(Ok(answer)) => {
                self.answered(number);
                return Ok(answer);
            }
            Ok(Err(error)) if is_refusal(&error) => {
                self.answered(number);
                return Err(PortError::failed(SERVICE, error.to_string()));
            }
            // Never holds a URL.
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it did not answer in time".to_owned(),
        };
        let mut state = lock(&self.state);
        if state.is(number) {
            // It may be half dead: whoever asks next has another one made.
            state.close(failure.clone(), self.patience.pause);
        }
        drop(state);
        Err(PortError::unavailable(SERVICE, failure))
    }

    fn may_ask(&self) -> Result<(), PortError> {
        let now = Instant::now();
        let mut state = lock(&self.state);
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

    fn answered(&self, number: u64) {
        let mut state = lock(&self.state);
        if state.is(number) {
            state.rests_until = None;
        }
    }

    /// The one there is, or that there is by then.
    async fn connection(&self, deadline: Instant) -> Result<(u64, Connection), PortError> {
        if let Some((until, mut opening)) = self.opening() {
            // Ends when whoever connects is done, well or not.
            let _ = timeout_at(until.min(deadline), opening.changed()).await;
        }
        let state = lock(&self.state);
        match &state.link {
            Link::Open(connection) => Ok((state.number, connection.clone())),
            Link::Opening(..) => Err(PortError::unavailable(SERVICE, "it is not connected yet")),
            Link::Closed(why) => Err(PortError::unavailable(SERVICE, why.clone())),
        }
    }

    /// Has somebody connect if nobody does, in a task of its own: that may take longer than any call waits, and must not end
    /// with the one that asked for it. `None` where there is a connection.
    fn opening(&self) -> Option<(Instant, watch::Receiver<()>)> {
        let mut state = lock(&self.state);
        match &state.link {
            Link::Open(_) => return None,
            Link::Opening(until, opening) if opening.has_changed().is_ok() => {
                return Some((*until, opening.clone()));
            }
            Link::Opening(..) | Link::Closed(_) => {}
        }
        let (open, opening) = watch::channel(());
        let until = Instant::now() + self.patience.call;
        state.link = Link::Opening(until, opening.clone());
        let (state, address) = (Arc::clone(&self.state), self.address.clone());
        tokio::spawn(connect(state, address, self.patience, open));
        Some((until, opening))
    }
}

async fn connect(
    state: Arc<Mutex<State>>,
    address: RedisAddress,
    patience: Patience,
    _open: watch::Sender<()>,
) {
    let opened = timeout(patience.connect, Connection::open(&address, &patience)).await;
    let mut state = lock(&state);
    match opened {
        Ok(Ok(connection)) => {
            state.link = Link::Open(connection);
            state.number += 1;
            state.rests_until = None;
        }
        Ok(Err(error)) => state.close(error.to_string(), patience.pause),
        Err(_) => state.close("nobody is there in time".to_owned(), patience.pause),
    }
}

impl State {
    /// Whether it is about the connection of this number.
    fn is(&self, number: u64) -> bool {
        self.number == number && matches!(self.link, Link::Open(_))
    }

    fn close(&mut self, why: String, pause: Duration) {
        self.link = Link::Closed(why);
        self.rests_until = Some(Instant::now() + pause);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Each of its parts stands for itself: a panic elsewhere cannot have left it half written.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether Redis is there and says no to this one call. What it says while it serves nobody, or while this connection is
/// none that it would serve, is an outage: so is what does not come from it.
fn is_refusal(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(kind) => !matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                // The address may lead to another one by now.
                | ServerErrorKind::ReadOnly
        ),
        ErrorKind::Extension => !matches!(error.code(), Some("BUSY" | "NOAUTH")),
        ErrorKind::UnexpectedReturnType => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> RedisError {
        let answer = redis::parse_redis_value(format!("-{line}\r\n").as_bytes());
        answer.and_then(redis::Value::extract_error).unwrap_err()
    }

    #[test]
    fn what_redis_refuses_is_told_from_what_it_cannot_do_now() {
        for refusal in [
            "ERR unknown command",
            "NOPERM User default has no permissions to run the 'mget' command",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "MOVED 3999 127.0.0.1:6381",
            "ASK 3999 127.0.0.1:6381",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "CROSSSLOT Keys in request don't hash to the same slot",
            "MISCONF Redis is configured to save RDB snapshots",
        ] {
            assert!(is_refusal(&said(refusal)), "{refusal}");
        }
        for outage in [
            "LOADING Redis is loading the dataset in memory",
            "CLUSTERDOWN The cluster is down",
            "MASTERDOWN Link with MASTER is down",
            "READONLY You can't write against a read only replica.",
            "BUSY Redis is busy running a script.",
            "NOAUTH Authentication required.",
        ] {
            assert!(!is_refusal(&said(outage)), "{outage}");
        }
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(!is_refusal(&reset.into()));
    }
}
