mod create;
mod list;
mod row;
mod verdict;

use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::answer::StoredAnswer;
use sluicegate_core::error::PortError;
use sluicegate_core::job::{Lease, NewJob};
use sluicegate_core::moderation::{Record, Subject};
use sluicegate_core::ports::{CreatePostError, Once, PostStore, SettleError};
use sluicegate_core::post::{NewPost, Post, PostCursor};

use crate::database::Database;
use crate::records;

pub(crate) struct PgPosts(pub(crate) Database);

#[async_trait]
impl PostStore for PgPosts {
    async fn create(&self, post: &NewPost, job: &NewJob) -> Result<Post, CreatePostError> {
        let created = self.0.run(create::create(&self.0.pool, post, job)).await?;
        created.ok_or(CreatePostError::UnsuitableUpload)
    }

    async fn create_once(
        &self,
        post: &NewPost,
        job: &NewJob,
        once: &Once<'_>,
    ) -> Result<StoredAnswer, CreatePostError> {
        let created = create::create_once(&self.0.pool, post, job, once);
        self.0.run(created).await?
    }

    async fn post(&self, id: PostId) -> Result<Option<Post>, PortError> {
        self.0.run(list::find(&self.0.pool, id)).await
    }

    async fn delete(
        &self,
        id: PostId,
        author: AccountId,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        let query = sqlx::query!(
            "update posts set deleted_at = $3
            where id = $1 and author_id = $2 and deleted_at is null and moderation <> 'removed'",
            id.0,
            author.0,
            now.into_inner(),
        );
        let deleted = self.0.run(query.execute(&self.0.pool)).await?;
        Ok(deleted.rows_affected() > 0)
    }

    async fn list(
        &self,
        author: Option<AccountId>,
        cursor: Option<PostCursor>,
        limit: u32,
    ) -> Result<Vec<Post>, PortError> {
        self.0
            .run(list::newest(&self.0.pool, author, cursor, limit))
            .await
    }

    async fn earlier_duplicate(
        &self,
        author: AccountId,
        fingerprint: &[u8; 32],
        since: Timestamp,
        than: Option<PostId>,
    ) -> Result<Option<PostId>, PortError> {
        let duplicate = list::duplicate(&self.0.pool, author, fingerprint, since, than);
        self.0.run(duplicate).await
    }

    async fn apply_verdict(
        &self,
        id: PostId,
        record: &Record,
        settle: Option<&Lease>,
        now: Timestamp,
    ) -> Result<(), SettleError> {
        self.0
            .run(verdict::apply(&self.0.pool, id, record, settle, now))
            .await??;
        Ok(())
    }

    async fn records(&self, id: PostId) -> Result<Vec<Record>, PortError> {
        self.0
            .run(records::list(&self.0.pool, Subject::Post(id)))
            .await
    }
}
