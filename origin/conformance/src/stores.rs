//! The stores that share one database, and what suites put into them.
//!
//! Ids and times are counted, not drawn: a suite gives the same rows every time.

#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "every helper panics where a store fails"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sluicegate_contract::ids::{AccountId, JobId, PostId, SessionId, UploadId};
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::account::{Account, NewAccount};
use sluicegate_core::job::{ModerateImage, NewJob, ProcessPost};
use sluicegate_core::moderation::{Outcome, Record, Subject};
use sluicegate_core::ports::{
    AccountStore, AnswerStore, AuditStore, ErasureStore, JobQueue, PostStore, SessionStore,
    SigningKeyStore, SweepStore, UploadStore,
};
use sluicegate_core::post::{NewPost, Post, fingerprint};
use sluicegate_core::quota::Quota;
use sluicegate_core::session::NewSession;
use sluicegate_core::upload::{Completion, Derivative, Maker, MakingClaim, NewUpload, Upload};
use uuid::Uuid;

/// All ports of one database.
#[derive(Clone)]
pub struct Stores {
    /// Accounts and profiles.
    pub accounts: Arc<dyn AccountStore>,
    /// Sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// Signing keys; none yet.
    pub signing_keys: Arc<dyn SigningKeyStore>,
    /// Uploads.
    pub uploads: Arc<dyn UploadStore>,
    /// Answers that are kept; none yet.
    pub answers: Arc<dyn AnswerStore>,
    /// Posts; none yet.
    pub posts: Arc<dyn PostStore>,
    /// What an audit needs.
    pub audit: Arc<dyn AuditStore>,
    /// What the sweep needs.
    pub sweep: Arc<dyn SweepStore>,
    /// The queue.
    pub jobs: Arc<dyn JobQueue>,
    /// What erases accounts.
    pub erasure: Arc<dyn ErasureStore>,
}

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// How long the tickets of [`Stores::ticket`] live.
pub const TICKET: Duration = Duration::from_mins(10);
/// The entity tag of everything that is staged.
pub const ETAG: &str = "\"staged\"";

/// Seconds after the beginning of the suites' time.
pub fn at(seconds: i64) -> Timestamp {
    const START: i64 = 1_800_000_000;
    Timestamp::from_unix_ms((START + seconds) * 1_000).expect("in range")
}

/// A number that no other call gives.
pub fn number() -> u64 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A `UUIDv7`; later ones sort higher.
pub fn id() -> Uuid {
    let number = number();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(1_800_000_000_000 + number, &random).into_uuid()
}

/// 32 bytes that no other call gives.
pub fn hash() -> [u8; 32] {
    let mut hash = [7; 32];
    hash[..8].copy_from_slice(&number().to_be_bytes());
    hash
}

/// An account that is not made yet.
pub fn new_account() -> NewAccount {
    let number = number();
    NewAccount {
        id: AccountId(id()),
        handle: format!("user_{number}"),
        display_name: format!("User {number}"),
        password_hash: "$argon2id$v=19$test".to_owned(),
        created_at: at(0),
    }
}

/// A session of an hour that is not started yet.
pub fn new_session(account: AccountId) -> NewSession {
    NewSession {
        id: SessionId(id()),
        account,
        refresh: hash(),
        device: hash(),
        created_at: at(0),
        expires_at: at(3_600),
    }
}

/// A ticket that is not given yet.
pub fn new_upload(owner: AccountId, purpose: Purpose) -> NewUpload {
    NewUpload {
        id: UploadId(id()),
        owner,
        purpose,
        length: 1_234,
        sha256: None,
        head_sha256: None,
        key: None,
        created_at: at(0),
        expires_at: at(0).plus(TICKET),
        put_until: None,
    }
}

/// Bounds open tickets alone.
pub fn open_tickets(limit: u32) -> Quota {
    Quota {
        open_tickets: limit,
        pictures: u32::MAX,
        bytes: i64::MAX.unsigned_abs(),
    }
}

/// A post that is not written yet.
pub fn new_post(author: AccountId, body: &str, header: Option<UploadId>) -> NewPost {
    NewPost {
        id: PostId(id()),
        author,
        body: body.to_owned(),
        fingerprint: fingerprint(body),
        header,
        created_at: at(0),
    }
}

/// The job of an upload.
pub fn image_job(upload: &Upload) -> NewJob {
    let payload = ModerateImage {
        key: upload.key(),
        upload_type: upload.purpose.into(),
        user_id: upload.owner,
    };
    NewJob::moderate_image(
        JobId(id()),
        &payload,
        Some("00-trace-span-01".to_owned()),
        at(0),
    )
}

/// The job of a post.
pub fn post_job(post: &NewPost) -> NewJob {
    let payload = ProcessPost {
        post_id: post.id,
        user_id: post.author,
    };
    NewJob::process_post(JobId(id()), &payload, None, at(0))
}

/// The job of an account that is deleted by its owner.
pub fn purge_account(account: AccountId) -> NewJob {
    NewJob::purge_account(JobId(id()), account, None, at(1))
}

/// A picture as it would be made.
pub fn derivative() -> Derivative {
    Derivative {
        sha256: "0a".repeat(32),
        length: 999,
        width: 400,
        height: 300,
        blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned(),
        // The highest bit is set: it must survive a signed column.
        perceptual_hash: 0xfedc_ba98_7654_3210,
        source_sha256: "f1".repeat(32),
    }
}

/// A verdict.
pub fn record(subject: Subject, owner: AccountId, outcome: Outcome) -> Record {
    Record {
        id: id(),
        subject,
        owner,
        source: "suite".to_owned(),
        stage: "image".to_owned(),
        outcome,
        reason: "because".to_owned(),
        confidence: 0.75,
        scores: serde_json::json!({ "class": 0.75 }),
        created_at: at(5),
    }
}

impl Stores {
    /// A new account.
    pub async fn account(&self) -> Account {
        let account = new_account();
        let session = new_session(account.id);
        self.accounts
            .create(&account, &session)
            .await
            .expect("an account")
    }

    /// A new upload, `ticketed`.
    pub async fn ticket(&self, owner: AccountId, purpose: Purpose) -> Upload {
        let ticket = new_upload(owner, purpose);
        let given = self
            .uploads
            .create_ticket(&ticket, &open_tickets(u32::MAX))
            .await;
        given.expect("a ticket").0
    }

    /// A new upload, `received`.
    pub async fn received(&self, owner: AccountId, purpose: Purpose) -> Upload {
        let upload = self.ticket(owner, purpose).await;
        let job = image_job(&upload);
        match self.uploads.complete(upload.id, ETAG, &job, at(1)).await {
            Ok(Completion::Completed(upload)) => upload,
            other => panic!("a new ticket must be completed, not {other:?}"),
        }
    }

    /// A new upload, `ready`.
    pub async fn ready(&self, owner: AccountId, purpose: Purpose) -> Upload {
        let upload = self.received(owner, purpose).await;
        self.made(upload.id).await
    }

    /// The upload, which was received, when its picture has been made: `ready`.
    pub async fn made(&self, upload: UploadId) -> Upload {
        let maker = Maker {
            upload,
            token: id(),
        };
        let lease = Duration::from_secs(30);
        let claim = self.uploads.claim_making(&maker, at(2), lease, None).await;
        assert!(matches!(claim, Ok(MakingClaim::Claimed(_))), "{claim:?}");
        let made = derivative();
        let finished = self.uploads.finish_making(&maker, &made, at(2)).await;
        finished.expect("finishes").expect("is there")
    }

    /// The upload as it stands now.
    pub async fn upload(&self, id: UploadId) -> Upload {
        self.uploads
            .upload(id)
            .await
            .expect("reads")
            .expect("is there")
    }

    /// A new post.
    pub async fn post(&self, author: AccountId, body: &str) -> Post {
        let post = new_post(author, body, None);
        self.posts
            .create(&post, &post_job(&post))
            .await
            .expect("a post")
    }
}
