//! Jobs: what is queued, and in which words.
//!
//! Queue names and payloads are those of the original system, verbatim in camelCase, so that its
//! workers and ours can share a queue. A payload carries ids only; new members are optional.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sluicegate_contract::ids::{AccountId, JobId, PostId};
use sluicegate_contract::limits;
use sluicegate_contract::media::MediaKey;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::Purpose;
use uuid::Uuid;

use crate::fair::Priority;

/// Makes and judges pictures.
pub const IMAGE_QUEUE: &str = "image-moderation";
/// The job's name in [`IMAGE_QUEUE`].
pub const IMAGE_JOB: &str = "moderate";
/// Checks posts.
pub const POST_QUEUE: &str = "post-processing";
/// The job's name in [`POST_QUEUE`].
pub const POST_JOB: &str = "process";
/// Cleans up behind everything else.
pub const MAINTENANCE_QUEUE: &str = "maintenance";
/// Deletes what nobody needs any more; in [`MAINTENANCE_QUEUE`].
pub const SWEEP_JOB: &str = "sweep";
/// Deletes old rows; in [`MAINTENANCE_QUEUE`].
pub const PRUNE_JOB: &str = "prune";
/// Erases accounts whose owners deleted them; in [`MAINTENANCE_QUEUE`].
pub const ERASE_JOB: &str = "erase-accounts";
/// Tells caches of removed pictures. A queue of its own: other workers of [`IMAGE_QUEUE`] do not know the job.
pub const PURGE_QUEUE: &str = "media-purge";
/// The job's name in [`PURGE_QUEUE`].
pub const PURGE_JOB: &str = "purge";
/// Tells caches of all pictures of an account that is hidden; in [`PURGE_QUEUE`].
pub const PURGE_ACCOUNT_JOB: &str = "purge-account";
/// All queues that this version works on.
pub const QUEUES: [&str; 4] = [IMAGE_QUEUE, POST_QUEUE, PURGE_QUEUE, MAINTENANCE_QUEUE];

/// Payload of [`IMAGE_JOB`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModerateImage {
    /// The picture.
    pub key: MediaKey,
    /// What it is for.
    pub upload_type: UploadType,
    /// Whose it is.
    pub user_id: AccountId,
}

/// The original's names of purposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadType {
    /// [`Purpose::Avatar`]
    ProfilePicture,
    /// [`Purpose::ProfileHeader`]
    ProfileHeader,
    /// [`Purpose::PostHeader`]
    HeaderImage,
}

impl From<Purpose> for UploadType {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Avatar => Self::ProfilePicture,
            Purpose::ProfileHeader => Self::ProfileHeader,
            Purpose::PostHeader => Self::HeaderImage,
        }
    }
}

/// Payload of [`POST_JOB`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessPost {
    /// The post.
    pub post_id: PostId,
    /// Who wrote it.
    pub user_id: AccountId,
}

/// Payload of [`PURGE_JOB`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PurgeMedia {
    /// The picture.
    pub key: MediaKey,
    /// Whose it was.
    pub user_id: AccountId,
}

/// Payload of [`PURGE_ACCOUNT_JOB`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PurgeAccount {
    /// Who left.
    pub user_id: AccountId,
}

/// A job to be written in the transaction of the data that it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// One of [`QUEUES`].
    pub queue: &'static str,
    /// The kind of job in that queue.
    pub name: &'static str,
    /// Ids only.
    pub payload: Value,
    /// For whom it is done; shares are counted by owner.
    pub owner: AccountId,
    /// Before or after which others.
    pub priority: Priority,
    /// While a job of the same queue with this key is not over, another is not written; 1 to 200 characters. `None`: it
    /// stands for itself.
    pub dedup_key: Option<String>,
    /// Not before.
    pub run_at: Timestamp,
    /// After so many failed attempts it is dead.
    pub max_attempts: u32,
    /// W3C Trace Context of the request that caused it.
    pub traceparent: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How long, roughly, the retries of a job last with [`backoff`]: 100 attempts are about three days.
pub const MAX_ATTEMPTS: u32 = 100;

impl NewJob {
    /// The job for a picture that has arrived.
    pub fn moderate_image(
        id: JobId,
        payload: &ModerateImage,
        traceparent: Option<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            queue: IMAGE_QUEUE,
            name: IMAGE_JOB,
            payload: serde_json::to_value(payload).unwrap_or_default(),
            owner: payload.user_id,
            priority: Priority::Normal,
            dedup_key: None,
            run_at: now,
            max_attempts: MAX_ATTEMPTS,
            traceparent,
            created_at: now,
        }
    }

    /// The job for a new post.
    pub fn process_post(
        id: JobId,
        payload: &ProcessPost,
        traceparent: Option<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            queue: POST_QUEUE,
            name: POST_JOB,
            payload: serde_json::to_value(payload).unwrap_or_default(),
            owner: payload.user_id,
            priority: Priority::Normal,
            dedup_key: None,
            run_at: now,
            max_attempts: MAX_ATTEMPTS,
            traceparent,
            created_at: now,
        }
    }
}

impl NewJob {
    /// The job that tells caches of a removal. It waits until no edge has a grant from before `removed_at`: a
    /// cache that asked again earlier could be given the picture once more. One removal has one `id`.
    pub fn purge_media(id: JobId, payload: &PurgeMedia, removed_at: Timestamp) -> Self {
        Self {
            id,
            queue: PURGE_QUEUE,
            name: PURGE_JOB,
            payload: serde_json::to_value(payload).unwrap_or_default(),
            owner: payload.user_id,
            priority: Priority::Normal,
            dedup_key: None,
            run_at: removed_at.plus(limits::GRANT_CACHE_TIME),
            max_attempts: MAX_ATTEMPTS,
            traceparent: None,
            created_at: removed_at,
        }
    }

    /// The job that writes a [`PURGE_JOB`] for each picture of an account that is hidden from `hidden_at` on. There may
    /// be many, so whoever leaves does not wait for that.
    pub fn purge_account(
        id: JobId,
        account: AccountId,
        traceparent: Option<String>,
        hidden_at: Timestamp,
    ) -> Self {
        let payload = PurgeAccount { user_id: account };
        Self {
            id,
            queue: PURGE_QUEUE,
            name: PURGE_ACCOUNT_JOB,
            payload: serde_json::to_value(payload).unwrap_or_default(),
            owner: account,
            priority: Priority::Normal,
            dedup_key: None,
            run_at: hidden_at,
            max_attempts: MAX_ATTEMPTS,
            traceparent,
            created_at: hidden_at,
        }
    }
}

/// The id of the purge of one picture among those that `cause` leads to: the same for each attempt.
pub fn purge_id(cause: Uuid, picture: MediaKey) -> JobId {
    JobId(derived_id(&[cause.as_bytes(), picture.0.0.as_bytes()]))
}

/// The id of the row of a job that somebody put into a queue without one: the same for each delivery. Its own id there may come
/// again, with another job: where that queue was emptied its numbers begin anew, and producers choose ids as they like. So
/// when it was added (milliseconds since 1970) belongs to it.
pub fn foreign_id(queue: &str, id: &str, added_ms: u64) -> JobId {
    JobId(derived_id(&[
        b"foreign",
        &[0],
        queue.as_bytes(),
        &[0],
        id.as_bytes(),
        &[0],
        &added_ms.to_be_bytes(),
    ]))
}

/// An id that follows from what it is made of; a `UUIDv8` (RFC 9562): ours to fill.
pub(crate) fn derived_id(parts: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(hash.finalize().get(..16).unwrap_or(&[0; 16]));
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Waits for `run_at` and a worker.
    Ready,
    /// A worker has it, until its lease ends.
    Running,
    /// It was handed to another queue, and waits there.
    Relayed,
    /// Its effects are committed.
    Done,
    /// It failed for good, or too often; kept, and can be replayed.
    Dead,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Ready,
        Self::Running,
        Self::Relayed,
        Self::Done,
        Self::Dead,
    ];

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Relayed => "relayed",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// The right to work on a job. Two leases of one job never hold at once; `attempt` tells a lost
/// lease from the one that replaced it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// Counts from 1; the fencing token of this lease.
    pub attempt: u32,
}

/// What a lease is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Turn {
    /// An attempt; if it fails, another follows.
    Attempt,
    /// The last attempt: if it fails, the job is to be buried.
    LastAttempt,
    /// All attempts are used up, and the worker of the last one was lost: not to be run, only to be buried. Whoever
    /// is lost over that leaves it to the next.
    Burial,
}

/// A job that a worker may work on.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedJob {
    /// The right to settle it.
    pub lease: Lease,
    /// What it was leased for.
    pub turn: Turn,
    /// Attempts, this one included. Those that were given back do not count, and a replay begins anew; the lease's number only
    /// grows.
    pub attempts_used: u32,
    /// Its queue.
    pub queue: String,
    /// Its kind.
    pub name: String,
    /// Ids only.
    pub payload: Value,
    /// For whom.
    pub owner: AccountId,
    /// After so many attempts it is dead.
    pub max_attempts: u32,
    /// Trace of the request that caused it.
    pub traceparent: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A job as an operator sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// Its queue.
    pub queue: String,
    /// Its kind.
    pub name: String,
    /// How far.
    pub state: JobState,
    /// Leases that were given.
    pub attempts: u32,
    /// Before or after which others.
    pub priority: Priority,
    /// Not before.
    pub run_at: Timestamp,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Ids only.
    pub payload: Value,
    /// For whom it is done; all zeros: for nobody.
    pub owner: AccountId,
    /// After so many failed attempts it is dead.
    pub max_attempts: u32,
    /// W3C Trace Context of the request that caused it.
    pub traceparent: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended.
    pub settled_at: Option<Timestamp>,
}

/// The lease was lost: another worker may have the job. Nothing of the effects was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lease of job {} was lost", .0.job)]
pub struct LeaseLost(pub Lease);

/// The pause after a failed attempt (1 is the first): 2 s doubled up to an hour, with full jitter in
/// its upper half so that a thousand jobs do not come back in one second. `random` is 0 to 1.
pub fn backoff(attempt: u32, random: f64) -> Duration {
    const BASE: f64 = 2.0;
    const CAP: f64 = 3_600.0;
    let exponent = i32::try_from(attempt.saturating_sub(1).min(20)).unwrap_or(20);
    let full = (BASE * 2_f64.powi(exponent)).min(CAP);
    Duration::from_secs_f64(full * (0.5 + 0.5 * random.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_the_originals() {
        let payload = ModerateImage {
            key: "01890a5d-ac96-774b-bcce-b302099a8057.webp"
                .parse()
                .expect("a key"),
            upload_type: Purpose::Avatar.into(),
            user_id: "01890a5d-ac96-774b-bcce-b302099a8058"
                .parse()
                .expect("an id"),
        };
        assert_eq!(
            serde_json::to_value(&payload).expect("serialises"),
            serde_json::json!({
                "key": "01890a5d-ac96-774b-bcce-b302099a8057.webp",
                "uploadType": "profile_picture",
                "userId": "01890a5d-ac96-774b-bcce-b302099a8058",
            })
        );
    }

    #[test]
    fn a_purge_waits_until_grants_have_ended() {
        let payload = PurgeMedia {
            key: "01890a5d-ac96-774b-bcce-b302099a8057.webp"
                .parse()
                .expect("a key"),
            user_id: "01890a5d-ac96-774b-bcce-b302099a8058"
                .parse()
                .expect("an id"),
        };
        let now = Timestamp::from_unix_ms(1_795_521_600_000).expect("in range");
        let job = NewJob::purge_media(JobId(uuid::Uuid::from_u128(1)), &payload, now);
        assert_eq!(job.run_at, now.plus(Duration::from_secs(30)));
        assert_eq!(
            job.payload,
            serde_json::json!({
                "key": "01890a5d-ac96-774b-bcce-b302099a8057.webp",
                "userId": "01890a5d-ac96-774b-bcce-b302099a8058",
            })
        );
    }

    #[test]
    fn purges_of_an_account_are_told_apart_and_known_again() {
        let key = |number| MediaKey(sluicegate_contract::ids::UploadId(Uuid::from_u128(number)));
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let id = purge_id(first, key(3));
        assert_eq!(purge_id(first, key(3)), id);
        assert_ne!(purge_id(first, key(4)), id);
        assert_ne!(purge_id(second, key(3)), id, "the account left again");

        let ada: AccountId = "01890a5d-ac96-774b-bcce-b302099a8058"
            .parse()
            .expect("an id");
        let now = Timestamp::from_unix_ms(1_795_521_600_000).expect("in range");
        let job = NewJob::purge_account(id, ada, None, now);
        assert_eq!(
            job.payload,
            serde_json::json!({ "userId": "01890a5d-ac96-774b-bcce-b302099a8058" })
        );
    }

    #[test]
    fn foreign_jobs_are_known_again() {
        let id = foreign_id(POST_QUEUE, "17", 5);
        assert_eq!(foreign_id(POST_QUEUE, "17", 5), id);
        assert_ne!(foreign_id(IMAGE_QUEUE, "17", 5), id);
        assert_ne!(foreign_id(POST_QUEUE, "18", 5), id);
        assert_ne!(foreign_id(POST_QUEUE, "17", 6), id);
    }

    #[test]
    fn backoff_grows_to_an_hour_and_no_further() {
        assert_eq!(backoff(1, 1.0), Duration::from_secs(2));
        assert_eq!(backoff(1, 0.0), Duration::from_secs(1));
        assert_eq!(backoff(5, 1.0), Duration::from_secs(32));
        assert_eq!(backoff(99, 1.0), Duration::from_hours(1));
    }
}
