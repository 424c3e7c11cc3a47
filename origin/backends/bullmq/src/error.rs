use sluicegate_core::error::PortError;

/// Why the queues on Redis could not be used. Never holds a URL: those have passwords.
#[derive(Debug, thiserror::Error)]
pub enum BullError {
    /// Redis is down, unreachable, full, or refused a command.
    #[error("Redis is unavailable: {0}")]
    Redis(#[from] bullmq::Error),
    /// Redis did not answer in time.
    #[error("Redis did not answer in time")]
    Timeout,
    /// Redis is set up so that it drops jobs.
    #[error(
        "Redis may drop jobs: its maxmemory-policy is {policy}; set `maxmemory-policy noeviction`"
    )]
    Unfit {
        /// The policy in force.
        policy: String,
    },
    /// The rows could not be used.
    #[error(transparent)]
    Rows(#[from] PortError),
}

impl From<redis::ParsingError> for BullError {
    fn from(error: redis::ParsingError) -> Self {
        Self::from(redis::RedisError::from(error))
    }
}

impl From<redis::RedisError> for BullError {
    fn from(error: redis::RedisError) -> Self {
        Self::Redis(bullmq::Error::Redis(error))
    }
}
