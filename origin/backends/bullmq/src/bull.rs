//! The queues of one Redis.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bullmq::options::{QueueOptions, RedisConnectionOptions, TlsCerts};
use bullmq::redis_connection::RedisConnection;
use bullmq::{Error, Queue};
use sluicegate_contract::time::Timestamp;
use sluicegate_redis_address::RedisAddress;
use tokio::sync::Notify;
use tokio::time::{self, Instant};

use crate::error::BullError;
use crate::server::{ServerFacts, inspect};

/// The server's setting may change while we run: it is looked at again after so long.
const CHECKED: Duration = Duration::from_mins(1);

/// The queues of one Redis: connects when it is first needed, and again whenever the connection is lost.
pub struct Bull {
    address: RedisAddress,
    timeout: Duration,
    state: Mutex<State>,
    /// A relay waits for room that a worker of the same process makes. Others look again after a while.
    begun: Mutex<HashMap<String, Arc<Notify>>>,
}

/// Never held across an `await`: while Redis is down, nobody waits for somebody else's time-out.
#[derive(Default)]
struct State {
    connection: Option<RedisConnection>,
    queues: HashMap<String, Queue>,
    checked: Option<Instant>,
}

impl Bull {
    /// Does not connect yet. No call of Redis may take longer than `timeout`.
    pub fn new(address: RedisAddress, timeout: Duration) -> Self {
        Self {
            address,
            timeout,
            state: Mutex::default(),
            begun: Mutex::default(),
        }
    }

    /// Where it is.
    pub fn address(&self) -> &RedisAddress {
        &self.address
    }

    /// What all keys begin with, before the queue's name. In a cluster all keys of a script must be on one node: a hash tag
    /// sees to that, and Node producers and workers have to be given the same prefix.
    pub fn prefix(&self) -> &'static str {
        if self.address.is_cluster() {
            "{bull}"
        } else {
            "bull"
        }
    }

    pub(crate) fn connection_options(&self) -> RedisConnectionOptions {
        let options = match self.address.urls() {
            [url] => RedisConnectionOptions::new().url(url),
            urls => RedisConnectionOptions::new().cluster_nodes(urls),
        };
        match self.address.ca() {
            Some(ca) => options.tls_certs(TlsCerts {
                root_cert: Some(ca.to_vec()),
                ..TlsCerts::default()
            }),
            None => options,
        }
    }

    /// How each server that the address names is set up.
    pub async fn inspect(&self) -> Result<Vec<ServerFacts>, BullError> {
        inspect(&self.address, self.timeout).await
    }

    /// When the job that waits longest in Redis was added, those without a row included.
    pub async fn oldest_waiting(&self, queue: &str) -> Result<Option<Timestamp>, BullError> {
        let queue = self.queue(queue).await?;
        let asked = async {
            let mut tail = redis::cmd("LINDEX");
            tail.arg(queue.keys().wait()).arg(-1);
            let id: Option<String> = queue.connection().cmd(&mut tail).await?;
            match id {
                Some(id) => queue.get_job(&id).await,
                None => Ok(None),
            }
        };
        let job = self.within(asked).await?;
        let added = job.and_then(|job| i64::try_from(job.timestamp()).ok());
        Ok(added.and_then(Timestamp::from_unix_ms))
    }

    /// A queue of a server that answers, and that was found fit within the last minute.
    pub(crate) async fn queue(&self, name: &str) -> Result<Queue, BullError> {
        let checked = self.state().checked;
        if checked.is_none_or(|checked| checked.elapsed() >= CHECKED) {
            for facts in self.inspect().await? {
                facts.check()?;
            }
            self.state().checked = Some(Instant::now());
        }
        let queue = self.opened(name).await?;
        let answered = self.within(queue.connection().ping()).await;
        if answered.is_err() {
            // Whoever comes next connects anew, at once: this connection would wait longer with each attempt.
            *self.state() = State::default();
        }
        answered.map(|()| queue)
    }

    async fn opened(&self, name: &str) -> Result<Queue, BullError> {
        let (connection, queue) = {
            let state = self.state();
            (state.connection.clone(), state.queues.get(name).cloned())
        };
        if let Some(queue) = queue {
            return Ok(queue);
        }
        let connection = if let Some(connection) = connection {
            connection
        } else {
            let options = self.connection_options();
            self.within(RedisConnection::new_managed_only(&options))
                .await?
        };
        let options = QueueOptions::new().prefix(self.prefix());
        let opened = Queue::with_connection(name, connection.clone(), options);
        let queue = self.within(opened).await?;
        let mut state = self.state();
        state.connection = Some(connection);
        state.queues.insert(name.to_owned(), queue.clone());
        Ok(queue)
    }

    /// Says that a job of the queue was begun, which makes room in Redis for the next of its owner.
    pub(crate) fn one_begins(&self, queue: &str) {
        self.begun(queue).notify_one();
    }

    /// Until a job of the queue was begun in this process, or was since this was last waited for.
    pub(crate) async fn until_one_begins(&self, queue: &str) {
        self.begun(queue).notified().await;
    }

    fn begun(&self, queue: &str) -> Arc<Notify> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.entry(queue.to_owned()).or_default().clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call of Redis, bounded.
    pub(crate) async fn within<T>(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, BullError> {
        match time::timeout(self.timeout, call).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(BullError::Timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_cluster_are_on_one_node() {
        let prefix = |urls: &str| {
            let address = RedisAddress::parse(urls, None).unwrap();
            Bull::new(address, Duration::from_secs(1)).prefix()
        };
        assert_eq!(prefix("redis://a:1"), "bull");
        assert_eq!(prefix("redis://a:1,redis://b:2"), "{bull}");
    }
}
