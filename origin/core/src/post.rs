//! Posts and their rules.

use sha2::{Digest, Sha256};
use sluicegate_contract::ids::{AccountId, PostId, UploadId};
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::Moderation;

use crate::account::{InvalidText, ShownPicture};

/// A post as it is stored, with what is shown of its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Its id; posts are listed by it, newest first.
    pub id: PostId,
    /// Who wrote it.
    pub author: PostAuthor,
    /// What it says.
    pub body: String,
    /// Its picture.
    pub header: Option<ShownPicture>,
    /// What moderation says.
    pub moderation: Moderation,
    /// When.
    pub created_at: Timestamp,
}

/// The author of a post, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostAuthor {
    /// The account.
    pub id: AccountId,
    /// Unique name.
    pub handle: String,
    /// Shown name.
    pub display_name: String,
    /// Avatar.
    pub avatar: Option<ShownPicture>,
}

/// A new post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPost {
    /// Its id.
    pub id: PostId,
    /// Who writes it.
    pub author: AccountId,
    /// Already checked by [`parse_body`].
    pub body: String,
    /// [`fingerprint`] of the body.
    pub fingerprint: [u8; 32],
    /// Its picture.
    pub header: Option<UploadId>,
    /// When.
    pub created_at: Timestamp,
}

/// The place in a list after which the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostCursor {
    /// The last post of the page before.
    pub before: PostId,
}

/// A post's text: trimmed, 1 to `limit` characters, no NUL (Postgres cannot store it).
pub fn parse_body(text: &str, limit: usize) -> Result<String, InvalidText> {
    let body = text.trim();
    let chars = body.chars().count();
    if chars == 0 || chars > limit || body.contains('\0') {
        return Err(InvalidText {
            field: "body",
            rule: format!("must be 1 to {limit} characters"),
        });
    }
    Ok(body.to_owned())
}

/// The hash by which exact duplicates are found: case and white space do not count.
pub fn fingerprint(body: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for word in body.split_whitespace() {
        hash.update(word.to_lowercase().as_bytes());
        hash.update([b' ']);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_ignores_case_and_space_only() {
        assert_eq!(fingerprint("Hello  World"), fingerprint("hello\nworld"));
        assert_ne!(fingerprint("hello world"), fingerprint("helloworld"));
    }
}
