//! What everybody may read is kept for a moment, so that what many ask for is read once.
//!
//! What is kept hangs on topics, and each topic has a version. It is read with the versions of before it was read from the
//! database, and shown only while those still are the versions: whoever changes something gives its topics new ones, and what
//! was read before is not found any more, also where it arrives later. So a removal is seen at once, whoever was reading then.
//!
//! What is one account's hangs on that account, too. Whose it is shows only when it is read, so accounts share [`SHARES`]
//! topics, of which all versions are known before: who changes their account again and again empties one share, and no more.
//! Lists show many accounts, and hang on all.

use std::time::Duration;

use sluicegate_contract::ids::{AccountId, PostId};

/// How long something is shown after it was read, at most. That is how late a change is seen in the worst case: where whoever
/// made it could not say so, because it died after the commit, or did not reach the cache.
pub const KEPT_FOR: Duration = Duration::from_secs(2);

/// The longest that is kept, in bytes.
pub const KEPT_BYTES: usize = 256 * 1024;

/// How many topics all accounts together have.
pub const SHARES: u8 = 32;

/// Something that everybody may read, by a name of ours; and what it hangs on: a topic of its own, the account that it is of,
/// or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    name: String,
    topic: Option<String>,
    is_owned: bool,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A post was written: lists of posts.
    NewPost,
    /// A post is not as it was, or not there any more: the post, and lists.
    Post(PostId),
    /// An account, or a picture of it: whatever is of it, and lists.
    Account(AccountId),
}

const LISTS: &str = "lists";

impl Item {
    /// A post. `view` tells apart what different settings make of the same rows.
    pub fn post(view: &str, id: PostId) -> Self {
        Self {
            name: format!("{view}:post:{id}"),
            topic: Some(post(id)),
            is_owned: true,
        }
    }

    /// The newest posts of everybody, or those of one handle.
    pub fn posts(view: &str, author: Option<&str>, limit: u32) -> Self {
        Self {
            name: format!("{view}:posts:{}:{limit}", author.unwrap_or_default()),
            topic: Some(LISTS.to_owned()),
            is_owned: false,
        }
    }

    /// A profile.
    pub fn profile(view: &str, handle: &str) -> Self {
        Self {
            name: format!("{view}:profile:{handle}"),
            topic: None,
            is_owned: true,
        }
    }

    /// Its name, short and without a line break.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its own topic, which it hangs on whoever it is of.
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// Whether it also hangs on the account that it is of.
    pub fn is_owned(&self) -> bool {
        self.is_owned
    }
}

/// Which of the shares is this account's: below [`SHARES`].
pub fn share(account: AccountId) -> u8 {
    // The end of an id is random.
    let share = account.0.as_u128() % u128::from(SHARES);
    u8::try_from(share).unwrap_or_default()
}

/// The topic of all accounts of a share.
pub fn accounts(share: u8) -> String {
    format!("accounts:{share}")
}

impl Change {
    /// What gets new versions.
    pub fn topics(self) -> Vec<String> {
        match self {
            Self::NewPost => vec![LISTS.to_owned()],
            Self::Post(id) => vec![LISTS.to_owned(), post(id)],
            Self::Account(id) => vec![LISTS.to_owned(), accounts(share(id))],
        }
    }
}

fn post(id: PostId) -> String {
    format!("post:{id}")
}
