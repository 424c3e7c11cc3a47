use sluicegate_contract::ids::AccountId;
use sluicegate_contract::time::Timestamp;
use sqlx::PgPool;

pub(super) async fn leave(
    pool: &PgPool,
    id: AccountId,
    now: Timestamp,
    delete_after: Timestamp,
) -> sqlx::Result<Option<Timestamp>> {
    let until = sqlx::query_scalar!(
        r#"with leaving as (
            update accounts set delete_after = coalesce(delete_after, $3)
            where id = $1 and not erasing
            returning id, delete_after
        ), ended as (
            update sessions set ended_at = $2 from leaving
            where sessions.account_id = leaving.id and sessions.ended_at is null
        )
        select delete_after as "delete_after!" from leaving"#,
        id.0,
        now.into_inner(),
        delete_after.into_inner(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(until.map(Into::into))
}

/// What is not deleted counts as restored: a repeat says the same.
pub(super) async fn restore(pool: &PgPool, id: AccountId, now: Timestamp) -> sqlx::Result<bool> {
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

pub(super) async fn is_hidden(pool: &PgPool, id: AccountId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select not exists (
            select from accounts where id = $1 and delete_after is null
        ) as "hidden!""#,
        id.0,
    )
    .fetch_one(pool)
    .await
}
