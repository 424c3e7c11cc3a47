//! Uploads and their rules.

use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::media::MediaKey;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::{Moderation, Purpose, UploadState};
use uuid::Uuid;

/// An upload as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its id; also the picture's.
    pub id: UploadId,
    /// Whose.
    pub owner: AccountId,
    /// What for.
    pub purpose: Purpose,
    /// How far.
    pub state: UploadState,
    /// What moderation says.
    pub moderation: Moderation,
    /// Why it was rejected or failed: a stable word.
    pub reason: Option<String>,
    /// The size that the ticket allows, in bytes.
    pub declared_length: u64,
    /// The SHA-256 that the client declared, in hex; a file that has another is refused.
    pub declared_sha256: Option<String>,
    /// The SHA-256 of the file's beginning as the edge saw it, in hex, if it said.
    pub head_sha256: Option<String>,
    /// The staged object's entity tag as it was when `complete` looked at it.
    pub staged_etag: Option<String>,
    /// The picture, once made.
    pub derivative: Option<Derivative>,
    /// Grows with every change.
    pub revision: u64,
    /// When the ticket was given.
    pub created_at: Timestamp,
    /// When the ticket runs out.
    pub expires_at: Timestamp,
    /// Until when a client has a URL of it; `None` where only an edge had one.
    pub put_until: Option<Timestamp>,
    /// When it was completed.
    pub received_at: Option<Timestamp>,
    /// When the picture was made.
    pub ready_at: Option<Timestamp>,
    /// When a verdict was reached.
    pub moderated_at: Option<Timestamp>,
}

impl Upload {
    /// The picture's public name.
    pub fn key(&self) -> MediaKey {
        MediaKey(self.id)
    }

    /// Where the client's file lies until the picture is made.
    pub fn staged_object(&self) -> String {
        staged_object(self.id)
    }

    /// Where the picture lies.
    pub fn media_object(&self) -> String {
        media_object(self.id)
    }

    /// Whether a profile or post may show it: it has arrived and nothing speaks against it.
    pub fn can_be_shown(&self) -> bool {
        matches!(
            self.state,
            UploadState::Received | UploadState::Processing | UploadState::Ready
        ) && self.moderation != Moderation::Removed
    }
}

/// Where clients' files lie.
pub const STAGING: &str = "staging/";

/// Where pictures lie.
pub const MEDIA: &str = "media/";

/// Where the client's file of an upload lies until the picture is made.
pub fn staged_object(id: UploadId) -> String {
    format!("{STAGING}{id}")
}

/// Where the picture of an upload lies.
pub fn media_object(id: UploadId) -> String {
    format!("{MEDIA}{}", MediaKey(id))
}

/// What was stored of a picture that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derivative {
    /// SHA-256 of its bytes, in hex; its entity tag.
    pub sha256: String,
    /// Bytes.
    pub length: u64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// <https://blurha.sh>
    pub blurhash: String,
    /// A perceptual hash (dHash, 64 bits): similar pictures differ in few bits.
    pub perceptual_hash: u64,
    /// SHA-256 of the client's file, in hex.
    pub source_sha256: String,
}

/// A new ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    /// Its id.
    pub id: UploadId,
    /// Whose.
    pub owner: AccountId,
    /// What for.
    pub purpose: Purpose,
    /// Exact size in bytes.
    pub length: u64,
    /// SHA-256, if the client declared one.
    pub sha256: Option<[u8; 32]>,
    /// SHA-256 of the file's beginning, if an edge saw it.
    pub head_sha256: Option<[u8; 32]>,
    /// What the client names it by.
    pub key: Option<UploadKey>,
    /// When.
    pub created_at: Timestamp,
    /// When the ticket runs out.
    pub expires_at: Timestamp,
    /// Until when a client has the URL, if it is a client that gets it: the ticket counts for as long, given up or
    /// not.
    pub put_until: Option<Timestamp>,
}

/// Bytes that clients' files may take in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Staged {
    /// Of all of them.
    pub bytes: u64,
    /// Of those that clients may store by URLs of their own, and of which nothing is known to have arrived.
    pub promised: u64,
}

/// A name that an owner gives an upload, so that a repeated request is not a second upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadKey {
    /// The client's `Idempotency-Key`.
    pub key: String,
    /// Until then it stands for this upload.
    pub expires_at: Timestamp,
}

/// What came of a request to complete an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// This call did it: the media row and the job are committed.
    Completed(Upload),
    /// An earlier call did it; nothing changed.
    Already(Upload),
    /// The ticket had run out, or the upload is over.
    Refused(Upload),
    /// No such upload.
    Unknown,
}

/// Who makes a picture. The token is drawn for each claim: it tells a claim from the one that replaced it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maker {
    /// The picture.
    pub upload: UploadId,
    /// The fencing token of this claim.
    pub token: Uuid,
}

/// What came of an attempt to be the one that makes a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MakingClaim {
    /// Ours until the lease ends; the state is `processing`.
    Claimed(Upload),
    /// Nothing to make: it is made, or it is over, or it has not arrived.
    Settled(Upload),
    /// Somebody else is at it.
    Busy,
    /// As many pictures as the cap allows are being made on demand.
    Full,
    /// No such upload.
    Unknown,
}
