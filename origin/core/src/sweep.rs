//! The sweep: what nobody needs any more is deleted, in the database and in the store.
//!
//! A row is ended first, in a transaction that proves that nothing shows it; its objects are deleted after that; then
//! it is noted. Whoever stops in between leaves it to the next run. Each run is bounded, and goes on where the one
//! before stopped.
//!
//! What no row speaks of is found by the store's own lists (`objects`), and deleted only where bucket and database are
//! known to belong together (`bucket`): a wrong `DATABASE_URL` must not empty a bucket.

mod bucket;
mod objects;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::time::Timestamp;

use crate::env::Env;
use crate::error::PortError;
use crate::ports::{ObjectStore, Prunable, SweepStore};
use crate::upload::{media_object, staged_object};
use crate::wake::{Wake, Waker};

pub use bucket::{BUCKET_MARKER, Bucket};

/// Objects that are deleted at once.
const DELETES: usize = 16;
const LOOSE_WALK: &str = "loose uploads";

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
    /// A picture that no row knows, or whose row is over, is deleted when it is so old.
    pub orphan_after: Duration,
    /// Rows or objects in one step.
    pub batch: u32,
    /// Steps of each kind in one run.
    pub batches: u32,
}

/// How long workers may stand still before anything but the sweep deletes what they have not worked on.
const STANDSTILL: Duration = Duration::from_hours(7 * 24);

impl SweepRules {
    /// Nobody needs a client's file in `staging/` that is older, swept or not.
    pub fn staged_at_most(&self) -> Duration {
        self.failed_for + self.loose_for + STANDSTILL
    }
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
            orphan_after: Duration::from_hours(24),
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
    /// Pictures that no row knew, or that were stored again long after their upload was over.
    pub orphans_deleted: u64,
    /// Whose the bucket is: only in our own is deleted what no row knows.
    pub bucket: Bucket,
}

impl SweepReport {
    /// What was done away with, by the names that it has in metrics.
    pub fn counts(&self) -> [(&'static str, u64); 5] {
        [
            ("tickets", self.tickets_expired),
            ("loose_uploads", self.loose_expired),
            ("uploads", self.uploads_swept),
            ("leftovers", self.leftovers_deleted),
            ("orphans", self.orphans_deleted),
        ]
    }
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
        let mut report = SweepReport::default();
        self.run_into(&mut report).await?;
        Ok(report)
    }

    /// The same; what was done before something failed is in the report, too.
    pub async fn run_into(&self, report: &mut SweepReport) -> Result<(), PortError> {
        report.tickets_expired = self.end_tickets().await?;
        report.loose_found = self.find_loose().await?;
        report.loose_expired = self.end_loose().await?;
        report.uploads_swept = self.sweep_over().await?;
        report.bucket = self.mark_bucket().await?;
        let is_ours = report.bucket == Bucket::Ours;
        report.leftovers_deleted = self.sweep_staging(is_ours).await?;
        if is_ours {
            report.orphans_deleted = self.sweep_media().await?;
        }
        Ok(())
    }

    /// Deletes rows whose retention is over; answers how many of which.
    pub async fn prune(&self) -> Result<Vec<(Prunable, u64)>, PortError> {
        let mut pruned = Vec::new();
        self.prune_into(&mut pruned).await?;
        Ok(pruned)
    }

    /// The same; what was deleted before something failed is there, too.
    pub async fn prune_into(&self, pruned: &mut Vec<(Prunable, u64)>) -> Result<(), PortError> {
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
        Ok(())
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

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
