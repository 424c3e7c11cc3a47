use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisFuture, RedisResult, Value};
use sluicegate_redis_address::RedisAddress;

use crate::shared::Patience;

/// A slot that moves sends a call on once or twice; all of it stays within the time of a call.
const RETRIES: u32 = 3;
/// Between two of them, in milliseconds.
const RETRY_WAIT: [u64; 2] = [5, 40];

/// One connection for all calls of a process; clones are one. A server answers in order, so calls share it without
/// waiting for each other.
#[derive(Clone)]
pub(crate) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(crate) async fn open(address: &RedisAddress, patience: &Patience) -> RedisResult<Self> {
        if let [url] = address.urls() {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(patience.connect))
                .set_response_timeout(Some(patience.call));
            let one = address
                .client(url)?
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            return Ok(Self::One(one));
        }
        let [shortest, longest] = RETRY_WAIT;
        let cluster = address
            .cluster()
            .retries(RETRIES)
            .min_retry_wait(shortest)
            .max_retry_wait(longest)
            .connection_timeout(patience.node)
            .response_timeout(patience.call)
            .build()?;
        Ok(Self::Cluster(cluster.get_async_connection().await?))
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(one) => one.req_packed_command(cmd),
            Self::Cluster(cluster) => cluster.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(one) => one.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}
