//! Uploads: from the ticket to the picture.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::UploadId;
use crate::media::MediaKey;
use crate::time::Timestamp;

/// What a picture is for; it decides the rendition that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// 400 x 400, cropped to fill.
    Avatar,
    /// 1200 x 300, cropped to fill.
    ProfileHeader,
    /// At most 1600 wide, in its own proportions.
    PostHeader,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Avatar, Self::ProfileHeader, Self::PostHeader];

    /// The name in queries, JSON and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avatar => "avatar",
            Self::ProfileHeader => "profile_header",
            Self::PostHeader => "post_header",
        }
    }

    /// The purpose of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == name)
    }
}

/// How far an upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UploadState {
    /// A ticket was given; nothing has arrived.
    Ticketed,
    /// The file is stored and its job is committed.
    Received,
    /// Somebody is making the picture.
    Processing,
    /// The picture is made.
    Ready,
    /// It is not a picture that we take, or moderation removed it; `reason` says why.
    Rejected,
    /// We could not make it; kept, and can be tried again.
    Failed,
    /// The ticket ran out.
    Expired,
}

impl UploadState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Ticketed,
        Self::Received,
        Self::Processing,
        Self::Ready,
        Self::Rejected,
        Self::Failed,
        Self::Expired,
    ];

    /// The name in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ticketed => "ticketed",
            Self::Received => "received",
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What moderation says of a picture or a post. An outage leaves `Unreviewed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Moderation {
    /// Nobody has judged it yet.
    Unreviewed,
    /// Judged safe.
    Passed,
    /// Judged not safe, and taken away.
    Removed,
    /// Taken away once, and given back by a person.
    Restored,
}

impl Moderation {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Unreviewed,
        Self::Passed,
        Self::Removed,
        Self::Restored,
    ];

    /// The name in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreviewed => "unreviewed",
            Self::Passed => "passed",
            Self::Removed => "removed",
            Self::Restored => "restored",
        }
    }

    /// The verdict of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == name)
    }
}

/// `POST /v1/upload-tickets`
// An edge sends the same; how that is read says `EdgeTicketRequest`. A client that misspells a member is told so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TicketRequest {
    /// What the picture is for.
    pub purpose: Purpose,
    /// Exact size of the file in bytes; signed into the URL.
    pub content_length: u64,
    /// SHA-256 of the file in lower-case hex; signed into the URL if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// `POST /edge/v1/upload-tickets` as origins read it: the edge may be of a newer release, and what it adds is passed
/// over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EdgeTicketRequest {
    purpose: Purpose,
    content_length: u64,
    sha256: Option<String>,
}

impl From<EdgeTicketRequest> for TicketRequest {
    fn from(request: EdgeTicketRequest) -> Self {
        Self {
            purpose: request.purpose,
            content_length: request.content_length,
            sha256: request.sha256,
        }
    }
}

/// Leave to store one object once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ticket {
    /// The upload.
    pub id: UploadId,
    /// The name that the picture will have.
    pub key: MediaKey,
    /// Where the picture will be.
    pub url: String,
    /// The request by which the file is stored.
    pub put: PresignedPut,
}

/// The answer 200 to an edge's ticket request whose `Idempotency-Key` stands for an upload that is stored:
/// nothing is to be sent, `complete` has the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredUpload {
    /// The upload.
    pub id: UploadId,
}

/// A presigned PUT. Each header is signed: another value, or none, is refused by the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresignedPut {
    /// Where to send the file. A secret for as long as it lives: never log it.
    pub url: String,
    /// Headers to send as they are, `content-length` among them; `host` follows from the URL.
    pub headers: BTreeMap<String, String>,
    /// When the store stops taking it.
    pub expires_at: Timestamp,
}

/// An upload as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Upload {
    /// The upload.
    pub id: UploadId,
    /// The name of the picture.
    pub key: MediaKey,
    /// Where the picture is, or will be.
    pub url: String,
    /// Where its owner sees it, for some minutes, while it is held back from everybody else. A secret for
    /// as long as it lives; absent where `url` is for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_url: Option<String>,
    /// What it is for.
    pub purpose: Purpose,
    /// How far it has come.
    pub status: UploadState,
    /// What moderation says.
    pub moderation: Moderation,
    /// Whether a verdict is still to come. `true`: somebody is configured to judge it and has not yet, be
    /// it that they are slow or down. `false`: it was judged, or is over, or nobody is there to judge it and
    /// it stays [`Moderation::Unreviewed`]. Absent: the origin is older than this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moderation_expected: Option<bool>,
    /// Why it was rejected: a stable word, e.g. `broken`, `too_many_pixels`, `unsafe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Pixels of the picture that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels of the picture that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// What to paint until it is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blurhash: Option<String>,
    /// Grows with every change; the id of server-sent events.
    pub revision: u64,
    /// When the ticket was given.
    pub created_at: Timestamp,
    /// When the file was stored and its job committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
    /// When the picture was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Timestamp>,
    /// When a verdict was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moderated_at: Option<Timestamp>,
}

impl Upload {
    /// Whether nothing more will happen by itself: made, and no verdict is to come; or over.
    pub fn is_settled(&self) -> bool {
        match self.status {
            UploadState::Ready => {
                self.moderation != Moderation::Unreviewed || self.moderation_expected == Some(false)
            }
            UploadState::Rejected | UploadState::Failed | UploadState::Expired => true,
            UploadState::Ticketed | UploadState::Received | UploadState::Processing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(status: &str, moderation: &str, expected: Option<bool>) -> Upload {
        let mut upload = serde_json::json!({
            "id": "01890a5d-ac96-774b-bcce-b302099a8057",
            "key": "01890a5d-ac96-774b-bcce-b302099a8057.webp",
            "url": "/media/01890a5d-ac96-774b-bcce-b302099a8057.webp",
            "purpose": "avatar",
            "status": status,
            "moderation": moderation,
            "revision": 3,
            "created_at": "2026-11-24T12:00:00.000Z",
        });
        if let Some(expected) = expected {
            upload["moderation_expected"] = expected.into();
        }
        serde_json::from_value(upload).expect("an upload")
    }

    #[test]
    fn a_picture_that_is_made_is_settled_when_no_verdict_is_to_come() {
        assert!(!upload("ready", "unreviewed", Some(true)).is_settled());
        assert!(upload("ready", "unreviewed", Some(false)).is_settled());
        assert!(upload("ready", "passed", Some(false)).is_settled());
        assert!(!upload("received", "unreviewed", Some(false)).is_settled());
        assert!(upload("failed", "unreviewed", Some(false)).is_settled());
    }

    #[test]
    fn an_older_origin_says_nothing_of_verdicts_to_come() {
        let old = upload("ready", "unreviewed", None);
        assert!(!old.is_settled());
        let json = serde_json::to_value(&old).expect("serialises");
        assert_eq!(json.get("moderation_expected"), None);
    }
}
