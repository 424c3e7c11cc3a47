use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::job::NewJob;
use sluicegate_core::ports::ErasureStore;
use uuid::Uuid;

use crate::database::Database;

pub(crate) struct PgErasure(pub(crate) Database);

#[async_trait]
impl ErasureStore for PgErasure {
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<AccountId>, PortError> {
        let query = sqlx::query_scalar!(
            "update accounts set erasing = true where id in (
                select id from accounts where delete_after <= $1 order by delete_after limit $2
            )
            returning id",
            now.into_inner(),
            i64::from(limit),
        );
        let due = self.0.run(query.fetch_all(&self.0.pool)).await?;
        Ok(due.into_iter().map(AccountId).collect())
    }

    async fn erase_posts(&self, account: AccountId, limit: u32) -> Result<u64, PortError> {
        let query = sqlx::query!(
            "delete from posts where id in (
                select id from posts where author_id = $1 limit $2
            )",
            account.0,
            i64::from(limit),
        );
        let erased = self.0.run(query.execute(&self.0.pool)).await?;
        Ok(erased.rows_affected())
    }

    async fn uploads(&self, account: AccountId, limit: u32) -> Result<Vec<UploadId>, PortError> {
        let query = sqlx::query_scalar!(
            "select id from uploads where owner_id = $1 order by id desc limit $2",
            account.0,
            i64::from(limit),
        );
        let left = self.0.run(query.fetch_all(&self.0.pool)).await?;
        Ok(left.into_iter().map(UploadId).collect())
    }

    async fn pictures(
        &self,
        account: AccountId,
        after: Option<UploadId>,
        limit: u32,
    ) -> Result<Vec<UploadId>, PortError> {
        let query = sqlx::query_scalar!(
            "select id from uploads
            where owner_id = $1 and id > $2 and state in ('received', 'processing', 'ready')
                and moderation <> 'removed'
            order by id limit $3",
            account.0,
            after.map_or(Uuid::nil(), |id| id.0),
            i64::from(limit),
        );
        let pictures = self.0.run(query.fetch_all(&self.0.pool)).await?;
        Ok(pictures.into_iter().map(UploadId).collect())
    }

    /// The account's row is held meanwhile: whoever erases it waits, and finds the jobs.
    async fn add_jobs(&self, account: AccountId, jobs: &[NewJob]) -> Result<bool, PortError> {
        self.0
            .run(async {
                let mut transaction = self.0.pool.begin().await?;
                let found = sqlx::query_scalar!(
                    "select id from accounts where id = $1 for key share",
                    account.0
                )
                .fetch_optional(&mut *transaction)
                .await?;
                if found.is_none() {
                    return Ok(false);
                }
                for job in jobs {
                    crate::jobs::insert(&mut *transaction, job).await?;
                }
                transaction.commit().await?;
                Ok(true)
            })
            .await
    }

    async fn erase_uploads(&self, account: AccountId, ids: &[UploadId]) -> Result<(), PortError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        self.0
            .run(async {
                let mut transaction = self.0.pool.begin().await?;
                sqlx::query!(
                    "update accounts set
                        avatar_upload_id = case when avatar_upload_id = any($2) then null
                            else avatar_upload_id end,
                        profile_header_upload_id = case when profile_header_upload_id = any($2) then null
                            else profile_header_upload_id end
                    where id = $1",
                    account.0,
                    &ids,
                )
                .execute(&mut *transaction)
                .await?;
                sqlx::query!(
                    "delete from uploads where owner_id = $1 and id = any($2)",
                    account.0,
                    &ids,
                )
                .execute(&mut *transaction)
                .await?;
                transaction.commit().await
            })
            .await
    }

    async fn erase_records(&self, account: AccountId, limit: u32) -> Result<u64, PortError> {
        let query = sqlx::query!(
            "delete from moderation_records where id in (
                select id from moderation_records where owner_id = $1 limit $2
            )",
            account.0,
            i64::from(limit),
        );
        let erased = self.0.run(query.execute(&self.0.pool)).await?;
        Ok(erased.rows_affected())
    }

    async fn finish(&self, account: AccountId) -> Result<(), PortError> {
        self.0.run(self.forget(account)).await
    }
}

impl PgErasure {
    /// Counts of log-ins are found by the handle and the devices that stand in their keys. Sessions take their tokens
    /// along; devices and changes of the role go with the account.
    async fn forget(&self, account: AccountId) -> sqlx::Result<()> {
        let mut transaction = self.0.pool.begin().await?;
        let erasing = sqlx::query_scalar!(
            "select id from accounts where id = $1 and erasing for update",
            account.0
        )
        .fetch_optional(&mut *transaction)
        .await?;
        if erasing.is_none() {
            return Ok(());
        }
        sqlx::query!(
            "with keys as (
                select 'log-in:device:' || encode(hash, 'hex') as key from devices
                where account_id = $1
                union all
                select 'log-in:handle:' || handle from accounts where id = $1
                union all
                select 'leave:' || id::text from accounts where id = $1
            )
            delete from attempts where exists (
                select from keys
                where attempts.key = keys.key or starts_with(attempts.key, keys.key || ':')
            )",
            account.0,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!("delete from jobs where owner_id = $1", account.0)
            .execute(&mut *transaction)
            .await?;
        sqlx::query!("delete from recent_writes where account_id = $1", account.0)
            .execute(&mut *transaction)
            .await?;
        sqlx::query!("delete from sessions where account_id = $1", account.0)
            .execute(&mut *transaction)
            .await?;
        sqlx::query!("delete from accounts where id = $1 and erasing", account.0)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }
}
