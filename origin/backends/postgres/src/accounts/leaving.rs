use sluicegate_contract::ids::AccountId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::NewJob;

use crate::jobs;
use crate::pool::Pool;

/// The first call finds the account in use, and commits the job with its end.
pub(super) async fn leave(
    pool: &Pool,
    id: AccountId,
    now: Timestamp,
    delete_after: Timestamp,
    job: &NewJob,
) -> sqlx::Result<Option<Timestamp>> {
    let mut transaction = pool.begin().await?;
    let left = sqlx::query!(
        r#"with found as (
            select id, delete_after from accounts where id = $1 and not erasing
            for no key update
        ), leaving as (
            update accounts set delete_after = coalesce(found.delete_after, $3) from found
            where accounts.id = found.id
            returning accounts.id, accounts.delete_after as until,
                found.delete_after is null as is_first
        ), ended as (
            update sessions set ended_at = $2 from leaving
            where sessions.account_id = leaving.id and sessions.ended_at is null
        )
        select until as "until!", is_first as "is_first!" from leaving"#,
        id.0,
        now.into_inner(),
        delete_after.into_inner(),
    )
    .fetch_optional(&mut *transaction)
    .await?;
    if left.as_ref().is_some_and(|left| left.is_first) {
        jobs::insert(&mut *transaction, job).await?;
    }
    transaction.commit().await?;
    Ok(left.map(|left| left.until.into()))
}

/// What is not deleted counts as restored: a repeat says the same.
pub(super) async fn restore(pool: &Pool, id: AccountId, now: Timestamp) -> sqlx::Result<bool> {
    let restored = sqlx::query!(
        "update accounts set delete_after = null
        where id = $1 and not erasing and coalesce(delete_after > $2, true)",
        id.0,
        now.into_inner(),
    )
    .execute(pool)
    .await?;
    Ok(restored.rows_affected() > 0)
}

pub(super) async fn is_hidden(pool: &Pool, id: AccountId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select not exists (
            select from accounts where id = $1 and delete_after is null
        ) as "hidden!""#,
        id.0,
    )
    .fetch_one(pool)
    .await
}
