use std::time::Duration;

use sluicegate_core::error::PortError;
use sluicegate_core::job::LeaseLost;
use sluicegate_core::ports::SettleError;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done; the runner settles it.
    Done,
    /// It is done, and was settled in the transaction of its effects.
    Settled,
    /// It failed, and may do better later.
    Retry {
        /// For operators to read.
        error: String,
        /// The pause; `None` for the usual one, which grows with each attempt.
        after: Option<Duration>,
    },
    /// It can never succeed: it is kept as dead.
    Fail {
        /// For operators to read.
        error: String,
    },
}

/// Why an attempt was broken off.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A port failed. Faults are retried like outages: a later version may cope, and nothing is lost.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Somebody else has the job now.
    #[error(transparent)]
    LeaseLost(#[from] LeaseLost),
}

impl From<SettleError> for JobError {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::LeaseLost(lost) => Self::LeaseLost(lost),
            SettleError::Port(error) => Self::Port(error),
        }
    }
}
