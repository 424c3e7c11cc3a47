use std::sync::Arc;

use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, PostId};

use super::{AccountStore, PostStore};
use crate::account::Account;
use crate::error::PortError;
use crate::post::{Post, PostCursor};

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Somebody who showed no token, or none that is good.
    Anybody,
    /// Somebody with an account: they see what they have changed.
    Account(AccountId),
}

/// What everybody may read, and what may therefore be a moment old where copies of the database answer. Each method
/// answers what that of the store of its name does; whoever reads after a write of their own, of which [`wrote`] was
/// told before the write was answered, sees it, whichever process took it.
///
/// Nothing that decides who may do what is read here: sessions, grants of pictures, quotas and uploads have no copies.
///
/// [`wrote`]: PublicReads::wrote
#[async_trait]
pub trait PublicReads: Send + Sync {
    /// Whether it matters who reads. If not, nobody need find out.
    fn tells_readers_apart(&self) -> bool;

    /// This account has changed something: called after the change is committed and before it is answered. Idempotent.
    async fn wrote(&self, account: AccountId) -> Result<(), PortError>;

    /// As [`AccountStore::by_handle`].
    async fn by_handle(&self, reader: Reader, handle: &str) -> Result<Option<Account>, PortError>;

    /// As [`PostStore::post`].
    async fn post(&self, reader: Reader, id: PostId) -> Result<Option<Post>, PortError>;

    /// As [`PostStore::list`].
    async fn posts(
        &self,
        reader: Reader,
        author: Option<AccountId>,
        cursor: Option<PostCursor>,
        limit: u32,
    ) -> Result<Vec<Post>, PortError>;
}

/// Where there are no copies: the stores themselves.
pub struct OneDatabase {
    /// Accounts and profiles.
    pub accounts: Arc<dyn AccountStore>,
    /// Posts.
    pub posts: Arc<dyn PostStore>,
}

#[async_trait]
impl PublicReads for OneDatabase {
    fn tells_readers_apart(&self) -> bool {
        false
    }

    async fn wrote(&self, _: AccountId) -> Result<(), PortError> {
        Ok(())
    }

    async fn by_handle(&self, _: Reader, handle: &str) -> Result<Option<Account>, PortError> {
        self.accounts.by_handle(handle).await
    }

    async fn post(&self, _: Reader, id: PostId) -> Result<Option<Post>, PortError> {
        self.posts.post(id).await
    }

    async fn posts(
        &self,
        _: Reader,
        author: Option<AccountId>,
        cursor: Option<PostCursor>,
        limit: u32,
    ) -> Result<Vec<Post>, PortError> {
        self.posts.list(author, cursor, limit).await
    }
}
