//! Accounts and their rules.

use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::limits;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::token::Role;
use sluicegate_contract::uploads::{Moderation, Purpose};

/// An account as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Never changes.
    pub id: AccountId,
    /// Unique, lower case.
    pub handle: String,
    /// Shown name.
    pub display_name: String,
    /// Free text.
    pub bio: String,
    /// What it may do.
    pub role: Role,
    /// The avatar's picture.
    pub avatar: Option<ShownPicture>,
    /// The profile header's picture.
    pub profile_header: Option<ShownPicture>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What is shown of an upload that a profile or post holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownPicture {
    /// The upload.
    pub upload: UploadId,
    /// What moderation says.
    pub moderation: Moderation,
    /// Pixels, once made.
    pub width: Option<u32>,
    /// Pixels, once made.
    pub height: Option<u32>,
    /// Blurhash, once made.
    pub blurhash: Option<String>,
}

/// A new account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Its id.
    pub id: AccountId,
    /// Already checked by [`parse_handle`].
    pub handle: String,
    /// Shown name.
    pub display_name: String,
    /// A PHC string (argon2id).
    pub password_hash: String,
    /// When.
    pub created_at: Timestamp,
}

/// The places of a profile that hold a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureSlot {
    /// The avatar.
    Avatar,
    /// The picture across the top.
    ProfileHeader,
}

impl PictureSlot {
    /// The purpose that an upload must have to stand here.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Avatar => Purpose::Avatar,
            Self::ProfileHeader => Purpose::ProfileHeader,
        }
    }
}

/// Why a text cannot be taken; the message is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct InvalidText {
    /// The member of the request.
    pub field: &'static str,
    /// What it must be, as the end of a sentence.
    pub rule: String,
}

/// A handle in its stored form: 3 to 30 of `a-z 0-9 _`, upper case folded.
pub fn parse_handle(text: &str) -> Result<String, InvalidText> {
    let handle = text.to_ascii_lowercase();
    let fits = limits::HANDLE_CHARS.contains(&handle.len())
        && handle
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if fits {
        Ok(handle)
    } else {
        Err(InvalidText {
            field: "handle",
            rule: "must be 3 to 30 letters, digits or underscores".to_owned(),
        })
    }
}

/// A shown name: trimmed, 1 to 64 characters, no control characters.
pub fn parse_display_name(text: &str) -> Result<String, InvalidText> {
    let name = text.trim();
    let chars = name.chars().count();
    if chars == 0 || chars > limits::DISPLAY_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(InvalidText {
            field: "display_name",
            rule: format!("must be 1 to {} characters", limits::DISPLAY_NAME_CHARS),
        });
    }
    Ok(name.to_owned())
}

/// A profile text: trimmed, at most 500 characters.
pub fn parse_bio(text: &str) -> Result<String, InvalidText> {
    let bio = text.trim();
    if bio.chars().count() > limits::BIO_CHARS || bio.contains('\0') {
        return Err(InvalidText {
            field: "bio",
            rule: format!("must be at most {} characters", limits::BIO_CHARS),
        });
    }
    Ok(bio.to_owned())
}

/// Whether a password's length is acceptable: 8 to 256 bytes.
pub fn check_password(password: &str) -> Result<(), InvalidText> {
    if limits::PASSWORD_BYTES.contains(&password.len()) {
        return Ok(());
    }
    Err(InvalidText {
        field: "password",
        rule: "must be 8 to 256 bytes".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_folded_and_bounded() {
        assert_eq!(parse_handle("Ada_1").as_deref(), Ok("ada_1"));
        for bad in ["", "ab", "a b c", "ünï", &"a".repeat(31)] {
            assert!(parse_handle(bad).is_err(), "{bad:?} must be refused");
        }
    }
}
