//! Identifiers: `UUIDv7` (RFC 9562), so that they sort by the time they were made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An identifier that is not a UUID in its hyphenated form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a UUID in hyphenated form")
    }
}

impl std::error::Error for InvalidId {}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self.0.as_hyphenated(), f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Accepts the 36-character hyphenated form only, so that every id has one spelling.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let id: Uuid = text.parse().map_err(|_| InvalidId)?;
                if text == id.as_hyphenated().to_string() { Ok(Self(id)) } else { Err(InvalidId) }
            }
        }
    };
}

id!(
    /// An account.
    AccountId
);
id!(
    /// An upload, and the picture that comes of it.
    UploadId
);
id!(
    /// A post.
    PostId
);
id!(
    /// A session: one log-in on one device, across its rotated refresh tokens.
    SessionId
);
id!(
    /// A job; the same id names it in the table and in Redis.
    JobId
);
