mod attempts;
mod leaving;
mod pictures;
mod roles;
mod row;
mod sign_up;

use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::token::Role;
use sluicegate_core::account::{Account, NewAccount, PictureSlot};
use sluicegate_core::answer::RequestName;
use sluicegate_core::error::PortError;
use sluicegate_core::job::NewJob;
use sluicegate_core::ports::{AccountStore, CreateAccountError, Credentials, SetPictureError};
use sluicegate_core::session::NewSession;
use uuid::Uuid;

use crate::database::Database;
use row::{AccountRow, account_query};

pub(crate) struct PgAccounts(pub(crate) Database);

#[async_trait]
impl AccountStore for PgAccounts {
    async fn create(
        &self,
        account: &NewAccount,
        session: &NewSession,
    ) -> Result<Account, CreateAccountError> {
        let created = sign_up::create(&self.0.pool, account, session);
        let created = self.0.run(created).await?;
        created.ok_or(CreateAccountError::HandleTaken)
    }

    async fn create_once(
        &self,
        account: &NewAccount,
        session: &NewSession,
        name: &RequestName,
    ) -> Result<Account, CreateAccountError> {
        let created = sign_up::create_once(&self.0.pool, account, session, name);
        let created = self.0.run(created).await?;
        created.ok_or(CreateAccountError::HandleTaken)
    }

    async fn credentials(&self, handle: &str) -> Result<Option<Credentials>, PortError> {
        let query = sqlx::query!(
            "select id, password_hash, delete_after from accounts where handle = $1 and not erasing",
            handle
        );
        let row = self.0.run(query.fetch_optional(&self.0.pool)).await?;
        Ok(row.map(|row| Credentials {
            account: AccountId(row.id),
            password_hash: row.password_hash,
            delete_after: row.delete_after.map(Into::into),
        }))
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>, PortError> {
        let query = account_query!("select * from accounts where id = $1", id.0);
        self.one(query.fetch_optional(&self.0.pool)).await
    }

    async fn by_handle(&self, handle: &str) -> Result<Option<Account>, PortError> {
        let query = account_query!(
            "select * from accounts where handle = $1 and delete_after is null",
            handle
        );
        self.one(query.fetch_optional(&self.0.pool)).await
    }

    async fn update_profile(
        &self,
        id: AccountId,
        display_name: Option<&str>,
        bio: Option<&str>,
    ) -> Result<Option<Account>, PortError> {
        let query = account_query!(
            "update accounts set display_name = coalesce($2, display_name), bio = coalesce($3, bio)
            where id = $1
            returning *",
            id.0,
            display_name,
            bio,
        );
        self.one(query.fetch_optional(&self.0.pool)).await
    }

    async fn set_picture(
        &self,
        id: AccountId,
        slot: PictureSlot,
        upload: UploadId,
    ) -> Result<Account, SetPictureError> {
        let account = self
            .one(pictures::set(&self.0.pool, id, slot, upload))
            .await?;
        account.ok_or(SetPictureError::Unsuitable)
    }

    async fn clear_picture(
        &self,
        id: AccountId,
        slot: PictureSlot,
    ) -> Result<Option<Account>, PortError> {
        self.one(pictures::clear(&self.0.pool, id, slot)).await
    }

    async fn set_role(
        &self,
        handle: &str,
        role: Role,
        record: Uuid,
        now: Timestamp,
    ) -> Result<Option<Role>, PortError> {
        let changed = roles::set(&self.0.pool, handle, role, record, now);
        self.0.run(changed).await
    }

    async fn leave(
        &self,
        id: AccountId,
        now: Timestamp,
        delete_after: Timestamp,
        job: &NewJob,
    ) -> Result<Option<Timestamp>, PortError> {
        let left = leaving::leave(&self.0.pool, id, now, delete_after, job);
        self.0.run(left).await
    }

    async fn restore(&self, id: AccountId, now: Timestamp) -> Result<bool, PortError> {
        self.0.run(leaving::restore(&self.0.pool, id, now)).await
    }

    async fn is_hidden(&self, id: AccountId) -> Result<bool, PortError> {
        self.0.run(leaving::is_hidden(&self.0.pool, id)).await
    }

    async fn count_attempt(
        &self,
        key: &str,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<u64, PortError> {
        self.0
            .run(attempts::count(&self.0.pool, key, now, since))
            .await
    }

    async fn forget_attempts(&self, key: &str) -> Result<(), PortError> {
        self.0.run(attempts::forget(&self.0.pool, key)).await
    }

    async fn ping(&self) -> Result<(), PortError> {
        let query = sqlx::query!(r#"select 1 as "one!""#);
        self.0.run(query.fetch_one(&self.0.pool)).await.map(drop)
    }
}

impl PgAccounts {
    async fn one(
        &self,
        row: impl Future<Output = sqlx::Result<Option<AccountRow>>>,
    ) -> Result<Option<Account>, PortError> {
        self.0
            .run(async { row.await?.map(AccountRow::read).transpose() })
            .await
    }
}
