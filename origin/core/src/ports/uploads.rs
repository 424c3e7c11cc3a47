use std::time::Duration;

use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::time::Timestamp;

use super::jobs::{Burial, SettleError};
use crate::error::PortError;
use crate::job::{Lease, NewJob};
use crate::moderation::Record;
use crate::quota::{Quota, QuotaReached, Usage};
use crate::upload::{Completion, Derivative, Maker, MakingClaim, NewUpload, Staged, Upload};

/// Why no ticket was given.
#[derive(Debug, thiserror::Error)]
pub enum CreateTicketError {
    /// The owner has used up a quota.
    #[error("the quota {} is used up", .0.bound.as_str())]
    QuotaReached(QuotaReached),
    /// The owner has named an upload so before. It is not over for want of a file, nor is the name expired.
    #[error("the key stands for upload {}", .0.id)]
    Repeated(Box<Upload>),
    /// The database could not do it.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What a check of a picture decided, with the record of it.
#[derive(Debug, Clone, PartialEq)]
pub enum ImageVerdict {
    /// It may stay.
    Passed(Record),
    /// It goes: the state becomes `rejected` with reason `unsafe`, and its key is cleared from
    /// profile and posts where it is still that key. If it had arrived, so that somebody may have seen
    /// it, a job of [`PURGE_QUEUE`](crate::job::PURGE_QUEUE) is committed with it, under the record's id.
    Removed(Record),
}

/// Uploads and their pictures. Every change adds one to the upload's revision.
#[async_trait]
pub trait UploadStore: Send + Sync {
    /// Gives a ticket if that stays within the quota, and says what is used with it. Tickets of one owner
    /// are counted one after the other, so that no number of calls at once passes a bound.
    ///
    /// Counted is what the rows of the last [`WINDOW`](crate::quota::WINDOW) say, and so a row that is
    /// younger must not be deleted. An open ticket counts with the length that it allows; one that was given
    /// up or ran out does not count: of it nothing has arrived. While a client has its URL (`put_until`), one that was
    /// given up counts as open all the same: the URL cannot be taken back.
    ///
    /// A key stands for one upload until it expires, or until the upload's ticket has been given up or has run
    /// out; however many ask with it at once, one gets a ticket. It is looked at before the quota.
    async fn create_ticket(
        &self,
        upload: &NewUpload,
        quota: &Quota,
    ) -> Result<(Upload, Usage), CreateTicketError>;

    /// The upload that a key of this owner stands for at `now`, as [`create_ticket`](Self::create_ticket) would say it.
    async fn named(
        &self,
        owner: AccountId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Upload>, PortError>;

    /// The upload.
    async fn upload(&self, id: UploadId) -> Result<Option<Upload>, PortError>;

    /// What of its quotas an owner has used.
    async fn usage(&self, owner: AccountId, now: Timestamp) -> Result<Usage, PortError>;

    /// Bytes that clients' files may take in the store: those of open tickets, those of uploads whose picture is not
    /// made, and those of all others that a client has a URL of, for it may store the file once more; with the lengths
    /// that their tickets allow.
    async fn staged(&self, now: Timestamp) -> Result<Staged, PortError>;

    /// Notes that the file has arrived, and commits its job with it. Only the first call on a
    /// `ticketed`, unexpired upload changes anything.
    async fn complete(
        &self,
        id: UploadId,
        staged_etag: &str,
        job: &NewJob,
        now: Timestamp,
    ) -> Result<Completion, PortError>;

    /// As `complete`, for a picture that was made and judged safe before the answer: the state
    /// becomes `ready`, moderation `passed`, and no job is needed.
    async fn complete_judged(
        &self,
        id: UploadId,
        staged_etag: &str,
        derivative: &Derivative,
        record: &Record,
        now: Timestamp,
    ) -> Result<Completion, PortError>;

    /// Gives an open ticket up: state `expired`, and it no longer counts, or no longer than a client has its URL. Does
    /// nothing to an upload that has arrived or is over, and says how it stands then. `None` if there is no such upload.
    /// Idempotent.
    async fn abandon(&self, id: UploadId) -> Result<Option<Upload>, PortError>;

    /// Tries to be the one who makes this picture until `now + lease`. With `on_demand_cap`, at most
    /// so many claims made with a cap hold at once, across all replicas; without one it is a worker's, and is not
    /// counted. Whoever had an ended claim before can do nothing with it any more. What had failed is claimed by a
    /// worker alone.
    async fn claim_making(
        &self,
        maker: &Maker,
        now: Timestamp,
        lease: Duration,
        on_demand_cap: Option<u32>,
    ) -> Result<MakingClaim, PortError>;

    /// Makes a claim hold until `now + lease`: whoever makes a picture calls this again and again, so that
    /// the claim of one that was killed ends soon. `false`, and nothing changes, if the claim is lost. One that has
    /// run out, but that nobody took over, holds again.
    async fn extend_making(
        &self,
        maker: &Maker,
        now: Timestamp,
        lease: Duration,
    ) -> Result<bool, PortError>;

    /// The picture is made and stored: state `ready`. Does nothing if the claim is lost, or the upload is already
    /// `ready` or over, and says how it stands then. `None` if there is no such upload.
    async fn finish_making(
        &self,
        maker: &Maker,
        derivative: &Derivative,
        now: Timestamp,
    ) -> Result<Option<Upload>, PortError>;

    /// Gives the claim back: state `received`, or `failed` again, with its reason, if it had failed before. Does nothing
    /// if it is lost. Idempotent.
    async fn release_making(&self, maker: &Maker, now: Timestamp) -> Result<(), PortError>;

    /// It is not a picture that we take: state `rejected` with this reason, and its key cleared from
    /// profile and posts. From `ticketed`, `received` or `processing` only. Idempotent.
    async fn reject(&self, id: UploadId, reason: &str, now: Timestamp) -> Result<(), PortError>;

    /// As `reject`, by whoever is making it. Does nothing if the claim is lost.
    async fn reject_making(
        &self,
        maker: &Maker,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), PortError>;

    /// We could not make it: state `failed`, kept. From `received` or `processing` only. With a burial the job is
    /// buried in the same transaction; with a lost lease nothing happens. Idempotent.
    async fn fail(
        &self,
        id: UploadId,
        reason: &str,
        burial: Option<&Burial<'_>>,
        now: Timestamp,
    ) -> Result<(), SettleError>;

    /// Applies a verdict, writes its record and, with a lease, settles the job, all in one
    /// transaction. An upload that already has that verdict stays as it is, and no second record is
    /// written. With a lost lease nothing happens.
    async fn apply_verdict(
        &self,
        id: UploadId,
        verdict: &ImageVerdict,
        settle: Option<&Lease>,
        now: Timestamp,
    ) -> Result<(), SettleError>;

    /// The verdicts on an upload, oldest first.
    async fn records(&self, id: UploadId) -> Result<Vec<Record>, PortError>;
}
