//! Verdicts, and the records that are kept of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluicegate_contract::ids::{AccountId, PostId, UploadId};
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::Moderation;
use uuid::Uuid;

/// Who sees a picture that nobody has judged (`MODERATION_IMAGE_GATE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageGate {
    /// Everybody, until it is removed.
    #[default]
    Open,
    /// Its owner and reviewers, by previews.
    Strict,
}

impl ImageGate {
    /// Whether everybody may see a picture of which moderation says that.
    pub fn lets_through(self, moderation: Moderation) -> bool {
        match moderation {
            Moderation::Passed | Moderation::Restored => true,
            Moderation::Unreviewed => self == Self::Open,
            Moderation::Removed => false,
        }
    }
}

/// What a detector or model says. An error is never turned into one of these.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// Nothing speaks against it.
    Safe(Finding),
    /// It may not stay.
    Unsafe(Finding),
    /// Nothing that could judge is configured.
    Unjudged,
}

/// Why a judgement came out as it did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finding {
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// In the detector's words.
    pub reason: String,
    /// Scores by class, as the detector gave them; null if it gave none.
    pub scores: Value,
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A picture.
    Upload(UploadId),
    /// A post.
    Post(PostId),
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It may stay.
    Passed,
    /// It was taken away.
    Removed,
}

/// A verdict, kept for appeals and statistics. Append-only.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its id.
    pub id: Uuid,
    /// What it is about.
    pub subject: Subject,
    /// Whose content it is.
    pub owner: AccountId,
    /// Who judged: `rules`, `duplicates`, or the detector's or model's name.
    pub source: String,
    /// The stage of the check: `image`, `stage1` or `stage2`.
    pub stage: String,
    /// How it came out.
    pub outcome: Outcome,
    /// Why, in words.
    pub reason: String,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// Details as the source gave them.
    pub scores: Value,
    /// When.
    pub created_at: Timestamp,
}
