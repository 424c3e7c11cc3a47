use sluicegate_core::account::{Account, NewAccount};
use sluicegate_core::answer::RequestName;
use sluicegate_core::session::NewSession;
use sqlx::PgExecutor;

use super::row::{AccountRow, account_query};
use crate::pool::Pool;
use crate::sessions::named;

/// The account, its session and the first refresh token in one statement; nothing if the handle is
/// taken.
pub(super) async fn create(
    executor: impl PgExecutor<'_>,
    account: &NewAccount,
    session: &NewSession,
) -> sqlx::Result<Option<Account>> {
    account_query!(
        "insert into accounts (id, handle, display_name, password_hash, created_at)
            values ($1, $2, $3, $4, $5)
            on conflict (handle) do nothing
            returning *
            ), s as (
                insert into sessions (id, account_id, created_at, expires_at)
                select $6, a.id, $7, $8 from a
                returning id
            ), t as (
                insert into refresh_tokens (hash, session_id, created_at)
                select $9, s.id, $7 from s
            ), d as (
                insert into devices (hash, account_id, last_used_at) select $10, a.id, $7 from a
                on conflict do nothing",
        account.id.0,
        account.handle,
        account.display_name,
        account.password_hash,
        account.created_at.into_inner(),
        session.id.0,
        session.created_at.into_inner(),
        session.expires_at.into_inner(),
        session.refresh.as_slice(),
        session.device.as_slice(),
    )
    .fetch_optional(executor)
    .await?
    .map(AccountRow::read)
    .transpose()
}

/// The same, with the name of its first session.
pub(super) async fn create_once(
    pool: &Pool,
    account: &NewAccount,
    session: &NewSession,
    name: &RequestName,
) -> sqlx::Result<Option<Account>> {
    let mut transaction = pool.begin().await?;
    let created = create(&mut *transaction, account, session).await?;
    if created.is_some() {
        named::keep(&mut transaction, name, session.id).await?;
    }
    transaction.commit().await?;
    Ok(created)
}
