//! Answers that are kept, so that a repeated request is answered as the first one was and nothing is done twice
//! (`Idempotency-Key`, draft-ietf-httpapi-idempotency-key-header).
//!
//! An answer is committed in the transaction of what it is about. So there is no moment in which one of them is there without
//! the other: whoever dies before the commit has done nothing, and whoever dies after it has left the answer to the repeat.
//! Requests that were refused did nothing either, and are judged anew.

use sha2::{Digest, Sha256};
use sluicegate_contract::ids::AccountId;
use sluicegate_contract::limits;
use sluicegate_contract::time::Timestamp;

/// What a client named a request by. A name is its account's and its route's: others may choose the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestName {
    /// Whose.
    pub owner: AccountId,
    /// Method and path, as words of ours.
    pub route: &'static str,
    /// The `Idempotency-Key`.
    pub key: String,
    /// What the request asks for: another one under the same name is refused.
    pub fingerprint: [u8; 32],
    /// When it came.
    pub at: Timestamp,
}

impl RequestName {
    /// When the name means nothing any more.
    pub fn expires_at(&self) -> Timestamp {
        self.at.plus(limits::IDEMPOTENCY_KEY_LIFETIME)
    }
}

/// The fingerprint of a request's content.
pub fn fingerprint(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

/// An answer, as it is given again. Never one that holds a token: of a session its id is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Its status.
    pub status: u16,
    /// The header `location`.
    pub location: Option<String>,
    /// JSON of at most [`StoredAnswer::MAX_BYTES`].
    pub body: String,
}

impl StoredAnswer {
    /// The longest body that is kept: twice the longest post, each of whose characters may be escaped with six bytes.
    pub const MAX_BYTES: usize = 128 * 1024;
}

/// A request whose name is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeat {
    /// It was answered so.
    Answered(StoredAnswer),
    /// The first one is being worked on.
    Running,
    /// The first one asked for something else.
    Another,
}

#[cfg(test)]
mod tests {
    use sluicegate_contract::limits::POST_CHARS;

    use super::*;

    #[test]
    fn the_answer_to_the_longest_post_is_kept() {
        let body = serde_json::to_string(&"\u{1}".repeat(POST_CHARS)).expect("serialises");
        assert!(body.len() * 2 < StoredAnswer::MAX_BYTES);
    }
}
