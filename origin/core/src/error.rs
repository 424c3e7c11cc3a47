//! How ports fail.

use std::error::Error;

/// A port could not do what was asked. Whether the work was done may be unknown: every method of a
/// port is safe to repeat unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The service is down, unreachable, overloaded or too slow. Try again later; to clients a 503.
    #[error("{service} is unavailable: {source}")]
    Unavailable {
        /// Which service, e.g. `database`.
        service: &'static str,
        /// What the adapter saw; for logs only.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A fault of ours or a broken promise of the service's. Trying again will not help; to clients a 500.
    #[error("{service} failed: {source}")]
    Failed {
        /// Which service.
        service: &'static str,
        /// What the adapter saw; for logs only.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl PortError {
    /// The service cannot be used right now.
    pub fn unavailable(
        service: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable {
            service,
            source: source.into(),
        }
    }

    /// The service answered in a way that it must not.
    pub fn failed(service: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed {
            service,
            source: source.into(),
        }
    }

    /// Whether waiting may help.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
