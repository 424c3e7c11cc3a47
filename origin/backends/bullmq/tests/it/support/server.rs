use std::sync::Arc;
use std::time::Duration;

use bullmq::options::{QueueOptions, RedisConnectionOptions, TlsCerts};
use bullmq::{JobOptions, Queue};
use sluicegate_bullmq::Bull;
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::RedisServer;
use sluicegate_core::job::POST_JOB;
use sluicegate_redis_address::RedisAddress;

use super::test_name;

pub(crate) fn bull(url: &str, ca: Option<&[u8]>) -> Arc<Bull> {
    let address = RedisAddress::parse(url, ca.map(<[u8]>::to_vec)).unwrap();
    Arc::new(Bull::new(address, Duration::from_secs(5)))
}

/// A queue as any other user of BullMQ has it.
pub(crate) async fn queue(bull: &Bull, name: &str) -> Queue {
    let address = bull.address();
    let mut connection = match address.urls() {
        [url] => RedisConnectionOptions::new().url(url),
        urls => RedisConnectionOptions::new().cluster_nodes(urls),
    };
    if let Some(ca) = address.ca() {
        connection = connection.tls_certs(TlsCerts {
            root_cert: Some(ca.to_vec()),
            ..TlsCerts::default()
        });
    }
    let options = QueueOptions::new().connection(connection);
    let options = options.prefix(bull.prefix());
    Queue::with_options(name, options).await.unwrap()
}

/// A server of one test, as BullMQ wants it.
pub(crate) struct Redis {
    server: RedisServer,
    ran: Option<RanOn>,
}

impl Redis {
    /// `None`, and noted, if there is no `redis-server`. `arguments` go after the usual ones.
    pub(crate) async fn start(arguments: &[&str]) -> Option<Self> {
        let test = test_name();
        let server = RedisServer::start(arguments, &test).await?;
        let theme = test.split("::").next().unwrap_or_default();
        let ran = RanOn::begins(&server.version(), &format!("the queue: {theme}"));
        let ran = Some(ran);
        Some(Self { server, ran })
    }

    /// On the same port, with what it had written.
    pub(crate) async fn start_again(&mut self) {
        self.server.start_again().await;
    }

    pub(crate) async fn kill(&mut self) {
        self.server.kill().await;
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    pub(crate) fn bull(&self) -> Arc<Bull> {
        bull(&self.url(), None)
    }

    /// See [`queue`].
    pub(crate) async fn queue(&self, name: &str) -> Queue {
        queue(&self.bull(), name).await
    }

    /// Adds a post's job without a row.
    pub(crate) async fn add(&self, queue: &str, id: &str, data: serde_json::Value) {
        let options = JobOptions {
            job_id: Some(id.to_owned()),
            attempts: Some(3),
            ..JobOptions::default()
        };
        let queue = self.queue(queue).await;
        queue.add(POST_JOB, data).options(options).await.unwrap();
    }

    pub(crate) async fn ask(&self, words: &[&str]) -> Result<redis::Value, redis::RedisError> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let (name, arguments) = words.split_first().expect("a command");
        redis::cmd(name)
            .arg(arguments)
            .query_async(&mut connection)
            .await
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(ran) = self.ran.take()
            && !std::thread::panicking()
        {
            ran.passed();
        }
    }
}
