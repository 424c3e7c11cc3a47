//! The staging budget: tickets are refused before clients' files fill the store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sluicegate_contract::problem::ProblemType;
use sluicegate_core::error::PortError;
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
    /// How many sums were asked for and came, or failed.
    asked: AtomicU64,
}

#[derive(Default)]
struct Known {
    staged: Staged,
    at: Option<Instant>,
    /// The number of the last question, if nothing came of it.
    failed: Option<u64>,
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
            asked: AtomicU64::new(0),
        }
    }

    /// Takes room for the file, if it still fits. Whoever comes while the sum is asked for (`question`) waits for that one
    /// answer, also if it is that there is none: each asking anew, one after the other, would wait for all before them.
    pub(crate) async fn admit<Q, A>(&self, question: Q, new: &NewUpload) -> Result<Room, ApiError>
    where
        Q: FnOnce() -> A,
        A: Future<Output = Result<Staged, PortError>>,
    {
        let before = self.asked.load(Ordering::SeqCst);
        let mut known = self.known.lock().await;
        if known.failed.is_some_and(|number| number > before) {
            return Err(PortError::unavailable("database", "nobody could be told the sum").into());
        }
        if known.at.is_none_or(|at| at.elapsed() >= FRESH) {
            let sum = question().await;
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            known.failed = sum.is_err().then_some(number);
            known.staged = sum?;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluicegate_contract::ids::{AccountId, UploadId};
    use sluicegate_contract::time::Timestamp;
    use sluicegate_contract::uploads::Purpose;
    use tokio::task::JoinSet;
    use tokio::time::sleep;
    use uuid::Uuid;

    use super::*;

    const HANGS: Duration = Duration::from_secs(10);

    fn new() -> NewUpload {
        let now = Timestamp::from_unix_ms(0).expect("in range");
        NewUpload {
            id: UploadId(Uuid::nil()),
            owner: AccountId(Uuid::nil()),
            purpose: Purpose::Avatar,
            length: 10,
            sha256: None,
            head_sha256: None,
            key: None,
            created_at: now,
            expires_at: now,
            put_until: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_answers_all_who_wait() {
        let staging = Arc::new(Staging::new(1_000));
        let questions = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        let mut waiters = JoinSet::new();
        for _ in 0..20 {
            let (staging, questions) = (Arc::clone(&staging), Arc::clone(&questions));
            waiters.spawn(async move {
                let hangs = || async {
                    questions.fetch_add(1, Ordering::SeqCst);
                    sleep(HANGS).await;
                    Err(PortError::unavailable("database", "hangs"))
                };
                staging.admit(hangs, &new()).await.is_err()
            });
        }
        assert!(waiters.join_all().await.into_iter().all(|refused| refused));
        assert_eq!(questions.load(Ordering::SeqCst), 1);
        assert_eq!(began.elapsed(), HANGS);
        // Who comes later asks.
        let new = new();
        let room = staging.admit(|| async { Ok(Staged::default()) }, &new);
        assert!(room.await.is_ok());
    }
}
