//! The whole of stage 1: duplicates first, then rules.

use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_contract::time::Timestamp;

use super::{RuleHit, TextPolicy};
use crate::error::PortError;
use crate::ports::PostStore;
use crate::post::fingerprint;

/// What stage 1 found against a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageOneHit {
    /// The author said the same a while ago.
    Duplicate {
        /// That post.
        of: PostId,
    },
    /// A rule refuses it.
    Rule(RuleHit),
}

impl StageOneHit {
    /// The `source` of a record: `duplicates` or `rules`.
    pub fn source(&self) -> &'static str {
        match self {
            Self::Duplicate { .. } => "duplicates",
            Self::Rule(_) => "rules",
        }
    }

    /// Why, as a sentence for the author.
    pub fn reason(&self) -> &str {
        match self {
            Self::Duplicate { .. } => "You posted the same text a short while ago.",
            Self::Rule(hit) => &hit.reason,
        }
    }
}

/// Checks a text of `author`, written at `created_at`. `post` is its id if it is stored already: it is
/// never a duplicate of itself, nor of a later one. Fails only as the store does.
pub async fn stage_one(
    policy: &TextPolicy,
    posts: &dyn PostStore,
    author: AccountId,
    body: &str,
    created_at: Timestamp,
    post: Option<PostId>,
) -> Result<Option<StageOneHit>, PortError> {
    if let Some(since) = policy.duplicates_since(created_at) {
        let same = posts
            .earlier_duplicate(author, &fingerprint(body), since, post)
            .await?;
        if let Some(of) = same {
            return Ok(Some(StageOneHit::Duplicate { of }));
        }
    }
    Ok(policy.check(body).map(StageOneHit::Rule))
}
