//! The staging budget: tickets are refused before clients' files fill the store.

use std::time::Duration;

use sluicegate_contract::problem::ProblemType;
use sluicegate_core::ports::UploadStore;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::ApiError;

/// How long a sum is good for. In between this process adds what it gives; what others give, or what ends, comes
/// with the next sum.
const FRESH: Duration = Duration::from_secs(1);
/// What clients are told to wait, in seconds: pictures are made all the time.
const RETRY: u32 = 30;

/// What is known of the space that clients' files take.
pub(crate) struct Staging {
    budget: u64,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    bytes: u64,
    at: Option<Instant>,
}

impl Staging {
    /// With this budget in bytes.
    pub(crate) fn new(budget: u64) -> Self {
        Self {
            budget,
            known: Mutex::default(),
        }
    }

    /// Whether a file of `length` bytes still fits. Whoever comes while the sum is asked for waits for that one answer.
    pub(crate) async fn admit(
        &self,
        uploads: &dyn UploadStore,
        length: u64,
    ) -> Result<(), ApiError> {
        let mut known = self.known.lock().await;
        if known.at.is_none_or(|at| at.elapsed() >= FRESH) {
            known.bytes = uploads.staged_bytes().await?;
            known.at = Some(Instant::now());
        }
        let with = known.bytes.saturating_add(length);
        if with > self.budget {
            return Err(ApiError::new(ProblemType::StorageFull)
                .detail("Too many files wait for their pictures to be made. Try again later.")
                .retry_after(RETRY));
        }
        known.bytes = with;
        Ok(())
    }
}
