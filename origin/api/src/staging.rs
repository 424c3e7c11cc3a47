//! The staging budget: tickets are refused before clients' files fill the store.

use std::time::Duration;

use sluicegate_contract::problem::ProblemType;
use sluicegate_core::ports::UploadStore;
use sluicegate_core::upload::{NewUpload, Staged};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::ApiError;

/// How long a sum is good for. In between this process adds what it gives; what others give, or what ends, comes
/// with the next sum.
const FRESH: Duration = Duration::from_secs(1);
/// What clients are told to wait, in seconds: pictures are made all the time.
const RETRY: u32 = 30;
/// Of the budget, files that clients may send to the store themselves are promised at most one part in so many: they
/// hold their room without sending a byte, and the uploads through edges must not wait for them.
const PROMISED_PART: u64 = 2;

/// What is known of the space that clients' files take.
pub(crate) struct Staging {
    budget: u64,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    staged: Staged,
    at: Option<Instant>,
}

/// Room that was taken for a ticket.
pub(crate) struct Room {
    taken: Staged,
    /// The sum that it was added to.
    sum: Option<Instant>,
}

impl Staging {
    /// With this budget in bytes.
    pub(crate) fn new(budget: u64) -> Self {
        Self {
            budget,
            known: Mutex::default(),
        }
    }

    /// Takes room for the file, if it still fits. Whoever comes while the sum is asked for waits for that one answer.
    pub(crate) async fn admit(
        &self,
        uploads: &dyn UploadStore,
        new: &NewUpload,
    ) -> Result<Room, ApiError> {
        let mut known = self.known.lock().await;
        if known.at.is_none_or(|at| at.elapsed() >= FRESH) {
            known.staged = uploads.staged(new.created_at).await?;
            known.at = Some(Instant::now());
        }
        let taken = Staged {
            bytes: new.length,
            promised: new.put_until.map_or(0, |_| new.length),
        };
        let with = Staged {
            bytes: known.staged.bytes.saturating_add(taken.bytes),
            promised: known.staged.promised.saturating_add(taken.promised),
        };
        let too_much_promised = taken.promised > 0 && with.promised > self.budget / PROMISED_PART;
        if with.bytes > self.budget || too_much_promised {
            return Err(ApiError::new(ProblemType::StorageFull)
                .detail("Too many files wait for their pictures to be made. Try again later.")
                .retry_after(RETRY));
        }
        known.staged = with;
        let sum = known.at;
        Ok(Room { taken, sum })
    }

    /// No ticket came of it: what is refused must not keep others out until the next sum.
    pub(crate) async fn give_back(&self, room: Room) {
        let mut known = self.known.lock().await;
        // A later sum knows nothing of it.
        if known.at == room.sum {
            let staged = known.staged;
            known.staged = Staged {
                bytes: staged.bytes.saturating_sub(room.taken.bytes),
                promised: staged.promised.saturating_sub(room.taken.promised),
            };
        }
    }
}
