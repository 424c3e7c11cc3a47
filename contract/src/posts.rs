//! Posts.

use serde::{Deserialize, Serialize};

use crate::ids::{PostId, UploadId};
use crate::media::Picture;
use crate::time::Timestamp;
use crate::uploads::Moderation;

/// `POST /v1/posts`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPost {
    /// 1 to 10,000 characters after trimming.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 10000))]
    pub body: String,
    /// An upload of the caller's with purpose `post_header`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_upload_id: Option<UploadId>,
}

/// A post as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Post {
    /// The post.
    pub id: PostId,
    /// Who wrote it.
    pub author: Author,
    /// What it says.
    pub body: String,
    /// Its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Picture>,
    /// What moderation says.
    pub moderation: Moderation,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Who wrote a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Author {
    /// Unique name.
    pub handle: String,
    /// Shown name.
    pub display_name: String,
    /// Avatar, if one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<Picture>,
}
