//! Pictures as they are shown, and the grants by which the edge streams them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::ids::{InvalidId, UploadId};
use crate::uploads::Moderation;

/// The public name of a picture: `<upload id>.webp`. Fixed before the picture is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(value_type = String, pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\.webp$")
)]
pub struct MediaKey(pub UploadId);

impl MediaKey {
    /// The path under which every edge serves it.
    pub fn url(self) -> String {
        format!("/media/{self}")
    }
}

impl fmt::Display for MediaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.webp", self.0)
    }
}

impl FromStr for MediaKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.strip_suffix(".webp")
            .ok_or(InvalidId)?
            .parse()
            .map(Self)
    }
}

impl Serialize for MediaKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MediaKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// A picture that a profile or a post shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Picture {
    /// Its public name.
    pub key: MediaKey,
    /// Where it is; a path that is resolved against the edge.
    pub url: String,
    /// Where its owner and reviewers see it, for some minutes, while it is held back from everybody else.
    /// A secret for as long as it lives; absent where `url` is for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_url: Option<String>,
    /// Pixels; absent until it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels; absent until it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// What to paint until it is loaded (<https://blurha.sh>); absent until it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blurhash: Option<String>,
}

/// `GET /edge/v1/media/{id}`: how an edge may stream one picture, for the next 30 seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaGrant {
    /// A presigned GET at the store, good for longer than the grant is kept.
    pub url: String,
    /// A strong validator with its quotes: the hash of the content.
    pub etag: String,
    /// Bytes.
    pub length: u64,
    /// The media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// What to send as `Cache-Control`.
    pub cache_control: String,
    /// What moderation says of it.
    pub state: Moderation,
}
