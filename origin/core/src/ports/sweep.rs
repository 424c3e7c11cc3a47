use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::UploadState;
use uuid::Uuid;

use crate::error::PortError;

const DAY: Duration = Duration::from_hours(24);

/// How far a search for loose uploads came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LooseScan {
    /// Where the next one goes on; `None`: all were looked at.
    pub next: Option<UploadId>,
    /// Uploads that were found loose.
    pub found: u64,
}

/// Rows that are of no use any more after a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prunable {
    /// Jobs that are done.
    DoneJobs,
    /// Jobs that failed for good and that nobody replayed.
    DeadJobs,
    /// Attempts to log in or sign up. They are counted for minutes only.
    Attempts,
    /// Refresh tokens that were used. One that comes again after that is refused as unknown, and does not end its
    /// session any more.
    RefreshTokens,
    /// Sessions that ended or ran out, with what is left of their tokens.
    Sessions,
    /// Names of uploads (`Idempotency-Key`) that stand for nothing any more.
    UploadKeys,
    /// Answers that were kept for repeated requests (`Idempotency-Key`), after their time.
    StoredAnswers,
    /// Uploads that are over, and whose objects were deleted for good.
    Uploads,
    /// Devices from which nobody logged in. Their next log-in counts as a stranger's.
    Devices,
    /// Who was given which role when.
    RoleChanges,
}

impl Prunable {
    /// All of them, in the order in which they are pruned: tokens before their sessions.
    pub const ALL: [Self; 10] = [
        Self::DoneJobs,
        Self::DeadJobs,
        Self::Attempts,
        Self::RefreshTokens,
        Self::Sessions,
        Self::UploadKeys,
        Self::StoredAnswers,
        Self::Uploads,
        Self::Devices,
        Self::RoleChanges,
    ];

    /// How long such a row is kept, counted from when it became one.
    pub fn retention(self) -> Duration {
        match self {
            Self::DoneJobs => 7 * DAY,
            Self::DeadJobs => 90 * DAY,
            Self::Attempts => DAY,
            Self::UploadKeys | Self::StoredAnswers => Duration::ZERO,
            Self::RefreshTokens | Self::Sessions | Self::Uploads => 30 * DAY,
            // Only log-ins count as use, and a session that is refreshed needs none for months: a device that is in
            // daily use must still be known when its session is lost.
            Self::Devices => 365 * DAY,
            // An audit trail: what was found out a year later must still be explained.
            Self::RoleChanges => 2 * 365 * DAY,
        }
    }

    /// For logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DoneJobs => "done_jobs",
            Self::DeadJobs => "dead_jobs",
            Self::Attempts => "attempts",
            Self::RefreshTokens => "refresh_tokens",
            Self::Sessions => "sessions",
            Self::UploadKeys => "upload_keys",
            Self::StoredAnswers => "stored_answers",
            Self::Uploads => "uploads",
            Self::Devices => "devices",
            Self::RoleChanges => "role_changes",
        }
    }
}

/// What the sweep asks of the database. All is bounded by a limit, and may be called by several at once.
///
/// An upload is *over* in the states `expired` and `rejected`: nothing brings it back, and no profile and no post can
/// show it. It is *loose* while it has arrived, is not over, and no profile and no post that its author kept shows it.
#[async_trait]
pub trait SweepStore: Send + Sync {
    /// Ends tickets that ran out by `until`: state `expired`. Answers which.
    async fn expire_tickets(
        &self,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<UploadId>, PortError>;

    /// Looks at `limit` uploads after `after` that arrived by `received_until`, and notes `now` on those that are
    /// loose and were not before.
    async fn find_loose(
        &self,
        after: Option<UploadId>,
        received_until: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<LooseScan, PortError>;

    /// Ends uploads that were found loose by `loose_until` (those that failed: by `failed_until`, which is earlier) and
    /// still are: state `expired`. What is shown again, or just being shown, or being made, stays. Answers which.
    async fn expire_loose(
        &self,
        loose_until: Timestamp,
        failed_until: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<UploadId>, PortError>;

    /// Uploads that are over and whose objects must be deleted: those that were not swept yet, then those that were
    /// swept once, by `again_until`. The second time is for what was written late.
    async fn over(&self, again_until: Timestamp, limit: u32) -> Result<Vec<UploadId>, PortError>;

    /// The objects of these uploads were deleted at `now`. Counts only for those that [`over`](Self::over) would
    /// name now.
    async fn note_swept(
        &self,
        ids: &[UploadId],
        again_until: Timestamp,
        now: Timestamp,
    ) -> Result<(), PortError>;

    /// How these uploads stand; those that do not exist are left out.
    async fn states(&self, ids: &[UploadId]) -> Result<HashMap<UploadId, UploadState>, PortError>;

    /// Where a walk that takes several runs stopped; `None`: at its beginning.
    async fn position(&self, walk: &str) -> Result<Option<String>, PortError>;

    /// Notes that. `None` for the beginning.
    async fn set_position(&self, walk: &str, position: Option<&str>) -> Result<(), PortError>;

    /// Who this database is: the first name that was noted; `None` before that.
    async fn identity(&self) -> Result<Option<Uuid>, PortError>;

    /// Notes a name if there is none yet; answers the one that holds.
    async fn note_identity(&self, proposed: Uuid) -> Result<Uuid, PortError>;

    /// Deletes rows that became prunable by `until`; answers how many.
    async fn prune(&self, what: Prunable, until: Timestamp, limit: u32) -> Result<u64, PortError>;
}
