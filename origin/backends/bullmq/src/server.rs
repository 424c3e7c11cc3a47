//! What a server says of itself.

use std::time::Duration;

use redis::{AsyncConnectionConfig, Client};
use sluicegate_redis_address::RedisAddress;

use crate::error::BullError;

/// The one policy under which nothing is dropped that was not asked for.
const POLICY: &str = "noeviction";

/// How one server is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// Its release.
    pub version: String,
    /// What it does when its memory is full.
    pub policy: String,
    /// Bytes that it may use; 0: all there are.
    pub max_memory: u64,
    /// Whether it writes what it was told to a file at once.
    pub append_only: bool,
}

impl ServerFacts {
    /// Fails if it may drop jobs.
    pub fn check(&self) -> Result<(), BullError> {
        if self.policy == POLICY {
            Ok(())
        } else {
            Err(BullError::Unfit {
                policy: self.policy.clone(),
            })
        }
    }

    /// From the answer to `INFO`, which also providers allow that forbid `CONFIG`.
    fn read(info: &str) -> Self {
        let field = |name: &str| {
            info.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        Self {
            version: field("redis_version"),
            policy: field("maxmemory_policy"),
            max_memory: field("maxmemory").parse().unwrap_or_default(),
            append_only: field("aof_enabled") == "1",
        }
    }
}

/// Asks each server that the address names, on connections of its own.
pub(crate) async fn inspect(
    address: &RedisAddress,
    timeout: Duration,
) -> Result<Vec<ServerFacts>, BullError> {
    let mut facts = Vec::new();
    for url in address.urls() {
        let asked = ask(address.client(url)?, timeout);
        let info = tokio::time::timeout(timeout, asked)
            .await
            .map_err(|_| BullError::Timeout)??;
        facts.push(ServerFacts::read(&info));
    }
    Ok(facts)
}

async fn ask(client: Client, timeout: Duration) -> Result<String, BullError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(Some(timeout));
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    Ok(redis::cmd("INFO").query_async(&mut connection).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_drop_jobs_is_refused() {
        let info = "# Server\r\nredis_version:7.0.15\r\n# Memory\r\nmaxmemory:1024\r\n\
            maxmemory_policy:allkeys-lru\r\n# Persistence\r\naof_enabled:1\r\n";
        let facts = ServerFacts::read(info);
        let expected = ServerFacts {
            version: "7.0.15".to_owned(),
            policy: "allkeys-lru".to_owned(),
            max_memory: 1_024,
            append_only: true,
        };
        assert_eq!(facts, expected);
        assert!(
            matches!(facts.check(), Err(BullError::Unfit { policy }) if policy == "allkeys-lru")
        );
        // A server that does not say is not trusted.
        assert!(ServerFacts::read("").check().is_err());
        let fit = ServerFacts {
            policy: "noeviction".to_owned(),
            ..expected
        };
        assert!(fit.check().is_ok());
    }
}
