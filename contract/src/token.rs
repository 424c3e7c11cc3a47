//! What access tokens say (RFC 7519).

use serde::{Deserialize, Serialize};

use crate::ids::SessionId;

/// The claims of ours beside the registered `iss`, `aud`, `sub` (the account id), `iat` and `exp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenClaims {
    /// The session; the origin refuses a token whose session has ended.
    pub sid: SessionId,
    /// What the account may do.
    pub role: Role,
}

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everybody who signed up.
    User,
    /// Sees what is held back, and decides about it.
    Reviewer,
    /// Runs the platform.
    Operator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Reviewer, Self::Operator];

    /// The name in tokens and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Reviewer => "reviewer",
            Self::Operator => "operator",
        }
    }
}
