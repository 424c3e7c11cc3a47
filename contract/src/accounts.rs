//! Accounts, sessions and profiles.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::AccountId;
use crate::time::Timestamp;

/// A password on its way in; its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// `POST /v1/accounts`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    /// 3 to 30 of `a-z`, `0-9`, `_`; upper case is folded.
    #[cfg_attr(
        feature = "openapi",
        schema(pattern = "^[A-Za-z0-9_]{3,30}$", example = "ada")
    )]
    pub handle: String,
    /// 8 to 256 bytes.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, format = Password, min_length = 8, max_length = 256)
    )]
    pub password: Password,
    /// At most 64 characters; the handle if absent.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// `POST /v1/sessions`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// The account's handle.
    pub handle: String,
    /// Its password.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, format = Password, min_length = 1, max_length = 256)
    )]
    pub password: Password,
    /// The `device_token` that an earlier session of this account gave this device. A device that the account
    /// knows is let in while others guess at the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
    /// Takes the deletion of the account back, if that was asked for and its time has not come.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restore: bool,
}

/// `POST /v1/sessions/refresh`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The newest refresh token of the session; an older one ends the session.
    pub refresh_token: String,
}

/// The answer to signing up, logging in and refreshing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// A JWT for the `Authorization: Bearer` header.
    pub access_token: String,
    /// Good for one refresh.
    pub refresh_token: String,
    /// Always `Bearer`.
    #[cfg_attr(feature = "openapi", schema(example = "Bearer"))]
    pub token_type: String,
    /// Seconds that the access token lives.
    pub expires_in: u64,
    /// Whose session this is.
    pub account: Account,
    /// Names this device to the account; given when somebody signs up or logs in. To be kept when the session
    /// ends, and sent with the next log-in. It opens nothing by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
}

/// The own account, as only its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Account {
    /// Never changes.
    pub id: AccountId,
    /// What only the owner sees beside the public profile.
    pub role: crate::token::Role,
    /// The public profile.
    #[serde(flatten)]
    pub profile: Profile,
}

/// A profile as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Profile {
    /// Unique, lower case.
    pub handle: String,
    /// What is shown as the name.
    pub display_name: String,
    /// Free text, may be empty.
    pub bio: String,
    /// The avatar, if one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<crate::media::Picture>,
    /// The picture across the top, if one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_header: Option<crate::media::Picture>,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// `PATCH /v1/me`; absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProfilePatch {
    /// 1 to 64 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// At most 500 characters.
    #[cfg_attr(feature = "openapi", schema(max_length = 500))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
}

/// `PUT /v1/me/avatar`, `PUT /v1/me/profile-header`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetPicture {
    /// An upload of the caller's with the purpose of that place.
    pub upload_id: crate::ids::UploadId,
}

/// `DELETE /v1/me`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// The account's, again: a token that was found must not be enough.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, format = Password, min_length = 1, max_length = 256)
    )]
    pub password: Password,
}

/// An account that is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Leaving {
    /// Until then logging in with `restore` gives everything back. After that it is deleted for good, with all that
    /// belongs to it, and the handle is free.
    pub delete_after: Timestamp,
}
