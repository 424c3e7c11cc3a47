use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_contract::time::Timestamp;

use super::jobs::SettleError;
use crate::answer::{Repeat, RequestName, StoredAnswer};
use crate::error::PortError;
use crate::job::{Lease, NewJob};
use crate::moderation::Record;
use crate::post::{NewPost, Post, PostCursor};

/// Why a post was not written.
#[derive(Debug, thiserror::Error)]
pub enum CreatePostError {
    /// The named upload is not the author's, not for posts, has not arrived, or was removed.
    #[error("the upload cannot be used here")]
    UnsuitableUpload,
    /// The request's name is known; nothing was written. Of [`PostStore::create_once`] alone.
    #[error("the request was made before")]
    Repeated(Repeat),
    /// The database could not do it.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A request that is named, and how it is answered.
pub struct Once<'a> {
    /// Its name.
    pub name: &'a RequestName,
    /// The answer, made of the post within the transaction: quick, and without asking anybody.
    pub answer: &'a (dyn Fn(Post) -> StoredAnswer + Send + Sync),
}

/// Posts. What is deleted or removed is in no list and under no id.
#[async_trait]
pub trait PostStore: Send + Sync {
    /// Writes a post and its job in one transaction.
    async fn create(&self, post: &NewPost, job: &NewJob) -> Result<Post, CreatePostError>;

    /// The same under a name, and the answer in the same transaction. Of requests with one name that come at once, one
    /// writes; the others are told [`Repeat::Running`] while it does, and how it was answered after that.
    async fn create_once(
        &self,
        post: &NewPost,
        job: &NewJob,
        once: &Once<'_>,
    ) -> Result<StoredAnswer, CreatePostError>;

    /// The post.
    async fn post(&self, id: PostId) -> Result<Option<Post>, PortError>;

    /// Soft-deletes a post of that author. `false` if there is none that could be deleted.
    async fn delete(
        &self,
        id: PostId,
        author: AccountId,
        now: Timestamp,
    ) -> Result<bool, PortError>;

    /// The newest posts of everybody, or of one author; at most `limit`, newest first.
    async fn list(
        &self,
        author: Option<AccountId>,
        cursor: Option<PostCursor>,
        limit: u32,
    ) -> Result<Vec<Post>, PortError>;

    /// Another post of this author with this fingerprint, written at or after `since`, before `than` if
    /// given (so never the post itself, and of two equal posts only the later counts as a duplicate),
    /// and not deleted. The oldest one.
    async fn earlier_duplicate(
        &self,
        author: AccountId,
        fingerprint: &[u8; 32],
        since: Timestamp,
        than: Option<PostId>,
    ) -> Result<Option<PostId>, PortError>;

    /// Applies a verdict (`outcome` of the record), writes the record and, with a lease, settles
    /// the job, in one transaction. A post that already has that verdict gets no second record.
    /// `Removed` soft-deletes. With a lost lease nothing happens.
    async fn apply_verdict(
        &self,
        id: PostId,
        record: &Record,
        settle: Option<&Lease>,
        now: Timestamp,
    ) -> Result<(), SettleError>;

    /// The verdicts on a post, oldest first.
    async fn records(&self, id: PostId) -> Result<Vec<Record>, PortError>;
}
