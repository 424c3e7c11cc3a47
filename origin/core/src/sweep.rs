//! The sweep: what nobody needs any more is deleted, in the database and in the store.
//!
//! A row is ended first, in a transaction that proves that nothing shows it; its objects are deleted after that; then
//! it is noted. Whoever stops in between leaves it to the next run. Each run is bounded, and goes on where the one
//! before stopped.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::UploadState;

use crate::env::Env;
use crate::error::PortError;
use crate::ports::{ListedObject, ObjectStore, Prunable, SweepStore};
use crate::upload::{STAGING, media_object, staged_object};
use crate::wake::{Wake, Waker};

/// Objects that are deleted at once.
const DELETES: usize = 16;
const LOOSE_WALK: &str = "loose uploads";
const STAGED_WALK: &str = "staged objects";

/// What is swept when, and how much in one run.
#[derive(Debug, Clone)]
pub struct SweepRules {
    /// A ticket ends so long after it ran out: clocks differ.
    pub skew: Duration,
    /// Only uploads that arrived so long ago can be found loose: what is about to be shown is not.
    pub loose_after: Duration,
    /// An upload that is loose for so long ends.
    pub loose_for: Duration,
    /// The same for one that failed: its job can be replayed until then.
    pub failed_for: Duration,
    /// The objects of an upload that is over are deleted again so much later. No transfer and no making takes so long.
    pub again_after: Duration,
    /// A staged object that no row knows is deleted when it is so old.
    pub unknown_after: Duration,
    /// Rows or objects in one step.
    pub batch: u32,
    /// Steps of each kind in one run.
    pub batches: u32,
}

impl Default for SweepRules {
    fn default() -> Self {
        Self {
            skew: Duration::from_mins(2),
            loose_after: Duration::from_hours(1),
            loose_for: Duration::from_hours(24),
            failed_for: Duration::from_hours(30 * 24),
            again_after: Duration::from_hours(1),
            unknown_after: Duration::from_hours(1),
            batch: 500,
            batches: 20,
        }
    }
}

/// What one run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Tickets that were never completed.
    pub tickets_expired: u64,
    /// Uploads that were found loose.
    pub loose_found: u64,
    /// Uploads that were loose for too long.
    pub loose_expired: u64,
    /// Uploads that are over and whose objects were deleted, for the first or the second time.
    pub uploads_swept: u64,
    /// Objects that were left in `staging/`, or came late.
    pub leftovers_deleted: u64,
}

/// Sweeps and prunes.
#[derive(Clone)]
pub struct Sweep {
    /// Time.
    pub env: Env,
    /// The rows.
    pub store: Arc<dyn SweepStore>,
    /// The objects.
    pub objects: Arc<dyn ObjectStore>,
    /// Who is told of uploads that end.
    pub waker: Waker,
    /// What is swept when.
    pub rules: SweepRules,
}

impl Sweep {
    /// One run. Can be repeated, and run at the same time as another.
    pub async fn run(&self) -> Result<SweepReport, PortError> {
        Ok(SweepReport {
            tickets_expired: self.end_tickets().await?,
            loose_found: self.find_loose().await?,
            loose_expired: self.end_loose().await?,
            uploads_swept: self.sweep_over().await?,
            leftovers_deleted: self.sweep_staging().await?,
        })
    }

    /// Deletes rows whose retention is over; answers how many of which.
    pub async fn prune(&self) -> Result<Vec<(Prunable, u64)>, PortError> {
        let mut pruned = Vec::new();
        for what in Prunable::ALL {
            let until = self.before(what.retention());
            let mut count = 0;
            for _ in 0..self.rules.batches {
                let step = self.store.prune(what, until, self.rules.batch).await?;
                count += step;
                if step < u64::from(self.rules.batch) {
                    break;
                }
            }
            pruned.push((what, count));
        }
        Ok(pruned)
    }

    async fn end_tickets(&self) -> Result<u64, PortError> {
        let until = self.before(self.rules.skew);
        let mut count = 0;
        for _ in 0..self.rules.batches {
            let ended = self.store.expire_tickets(until, self.rules.batch).await?;
            count += self.tell(&ended);
            if self.is_last(ended.len()) {
                break;
            }
        }
        Ok(count)
    }

    async fn find_loose(&self) -> Result<u64, PortError> {
        let position = self.store.position(LOOSE_WALK).await?;
        let mut next: Option<UploadId> = position.and_then(|position| position.parse().ok());
        let mut count = 0;
        for _ in 0..self.rules.batches {
            let (now, received) = (self.env.now(), self.before(self.rules.loose_after));
            let batch = self.rules.batch;
            let scan = self.store.find_loose(next, received, now, batch).await?;
            (next, count) = (scan.next, count + scan.found);
            if next.is_none() {
                break;
            }
        }
        let position = next.map(|id| id.to_string());
        self.store
            .set_position(LOOSE_WALK, position.as_deref())
            .await?;
        Ok(count)
    }

    async fn end_loose(&self) -> Result<u64, PortError> {
        let mut count = 0;
        for _ in 0..self.rules.batches {
            let loose = self.before(self.rules.loose_for);
            let failed = self.before(self.rules.failed_for);
            let (now, batch) = (self.env.now(), self.rules.batch);
            let ended = self.store.expire_loose(loose, failed, now, batch).await?;
            count += self.tell(&ended);
            // Those that are shown again were let go, and are not in the next batch.
            if ended.is_empty() {
                break;
            }
        }
        Ok(count)
    }

    async fn sweep_over(&self) -> Result<u64, PortError> {
        let mut count = 0;
        for _ in 0..self.rules.batches {
            let again = self.before(self.rules.again_after);
            let over = self.store.over(again, self.rules.batch).await?;
            let keys = over
                .iter()
                .flat_map(|id| [media_object(*id), staged_object(*id)]);
            self.delete(keys.collect()).await?;
            self.store.note_swept(&over, again, self.env.now()).await?;
            count += length(over.len());
            if self.is_last(over.len()) {
                break;
            }
        }
        Ok(count)
    }

    /// Finds by the store's own list what no row speaks of: what was put late, or could not be deleted.
    async fn sweep_staging(&self) -> Result<u64, PortError> {
        let mut after = self.store.position(STAGED_WALK).await?;
        let mut count = 0;
        for _ in 0..self.rules.batches {
            let page = self
                .objects
                .list(STAGING, after.as_deref(), self.rules.batch)
                .await?;
            let last = page.objects.last().map(|object| object.key.clone());
            count += self.sweep_page(&page.objects).await?;
            after = last.filter(|_| page.more);
            if after.is_none() {
                break;
            }
        }
        self.store
            .set_position(STAGED_WALK, after.as_deref())
            .await?;
        Ok(count)
    }

    async fn sweep_page(&self, objects: &[ListedObject]) -> Result<u64, PortError> {
        let staged: Vec<(UploadId, &ListedObject)> = objects
            .iter()
            .filter_map(|object| Some((staged_upload(&object.key)?, object)))
            .collect();
        let ids: Vec<UploadId> = staged.iter().map(|(id, _)| *id).collect();
        let states = self.store.states(&ids).await?;
        let old = self.before(self.rules.unknown_after);
        let leftovers = staged.into_iter().filter(|(id, object)| {
            states
                .get(id)
                .map_or(object.modified <= old, |state| !needs_staged(*state))
        });
        let keys: Vec<String> = leftovers.map(|(_, object)| object.key.clone()).collect();
        let count = length(keys.len());
        self.delete(keys).await?;
        Ok(count)
    }

    async fn delete(&self, keys: Vec<String>) -> Result<(), PortError> {
        stream::iter(keys.into_iter().map(Ok))
            .try_for_each_concurrent(DELETES, |key: String| async move {
                self.objects.delete(&key).await
            })
            .await
    }

    fn tell(&self, ended: &[UploadId]) -> u64 {
        for id in ended {
            self.waker.wake(Wake::Upload(*id));
        }
        length(ended.len())
    }

    fn before(&self, age: Duration) -> Timestamp {
        self.env.now().minus(age)
    }

    fn is_last(&self, found: usize) -> bool {
        length(found) < u64::from(self.rules.batch)
    }
}

/// Whether a picture may still be made of the client's file.
fn needs_staged(state: UploadState) -> bool {
    match state {
        UploadState::Ticketed
        | UploadState::Received
        | UploadState::Processing
        | UploadState::Failed => true,
        UploadState::Ready | UploadState::Rejected | UploadState::Expired => false,
    }
}

/// The upload that a staged object belongs to; `None` if the name is not one of ours.
fn staged_upload(key: &str) -> Option<UploadId> {
    key.strip_prefix(STAGING)?.parse().ok()
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_staged_uploads() {
        let id: UploadId = "01890a5d-ac96-774b-bcce-b302099a8057"
            .parse()
            .expect("an id");
        assert_eq!(staged_upload(&staged_object(id)), Some(id));
        for other in ["staging/notes.txt", "staging/", "media/x", ""] {
            assert_eq!(staged_upload(other), None, "{other}");
        }
    }
}
