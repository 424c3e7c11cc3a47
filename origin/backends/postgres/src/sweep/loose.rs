use sluicegate_contract::ids::UploadId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::ports::LooseScan;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::columns::unsigned_long;
use crate::pool::Pool;

/// Walks by key over those that are not known to be loose. A post that moderation removed still counts: it can be
/// given back.
pub(super) async fn find(
    pool: &Pool,
    after: Option<UploadId>,
    received_until: Timestamp,
    now: Timestamp,
    limit: u32,
) -> sqlx::Result<LooseScan> {
    let row = sqlx::query!(
        r#"with batch as materialized (
            select id, received_at from uploads
            where state in ('received', 'processing', 'ready', 'failed') and loose_at is null
                and id > $1
            order by id limit $2
        ), found as (
            update uploads set loose_at = $3
            from batch
            where uploads.id = batch.id and batch.received_at <= $4
                and not exists (select from accounts where avatar_upload_id = batch.id)
                and not exists (select from accounts where profile_header_upload_id = batch.id)
                and not exists (
                    select from posts where header_upload_id = batch.id and deleted_at is null
                )
            returning 1
        )
        select
            (select id from batch order by id offset $2 - 1) as next,
            (select count(*) from found) as "found!""#,
        after.map_or(Uuid::nil(), |id| id.0),
        i64::from(limit),
        now.into_inner(),
        received_until.into_inner(),
    )
    .fetch_one(pool)
    .await?;
    Ok(LooseScan {
        next: row.next.map(UploadId),
        found: unsigned_long(row.found)?,
    })
}

/// The rows are locked first, and looked at by a statement that begins after that: it sees whatever was shown by those
/// who held them before. Whoever comes to show one later finds it over. One that is just being shown is skipped.
pub(super) async fn expire(
    pool: &Pool,
    loose_until: Timestamp,
    failed_until: Timestamp,
    now: Timestamp,
    limit: u32,
) -> sqlx::Result<Vec<UploadId>> {
    let mut transaction = pool.begin().await?;
    let due = sqlx::query_scalar!(
        "select id from uploads
        where state in ('received', 'processing', 'ready', 'failed') and loose_at <= $1
            and (state <> 'failed' or loose_at <= $2)
            and (making_until is null or making_until <= $3)
        order by loose_at limit $4
        for update skip locked",
        loose_until.into_inner(),
        failed_until.into_inner(),
        now.into_inner(),
        i64::from(limit),
    )
    .fetch_all(&mut *transaction)
    .await?;
    let expired = end(&mut transaction, &due).await?;
    transaction.commit().await?;
    Ok(expired.into_iter().map(UploadId).collect())
}

/// Posts that their author deleted let go of what they showed: nothing may stand in the way of the row's end.
async fn end(connection: &mut PgConnection, due: &[Uuid]) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        r#"with shown as (
            select due.id from unnest($1::uuid[]) as due (id)
            where exists (select from accounts where avatar_upload_id = due.id)
                or exists (select from accounts where profile_header_upload_id = due.id)
                or exists (
                    select from posts where header_upload_id = due.id and deleted_at is null
                )
        ), kept as (
            update uploads set loose_at = null from shown where uploads.id = shown.id
        ), ended as (
            update uploads set state = 'expired', making_until = null, making_capped = false,
                revision = revision + 1
            where id = any($1) and id not in (select id from shown)
            returning id
        ), let_go as (
            update posts set header_upload_id = null
            from ended where posts.header_upload_id = ended.id
        )
        select id as "id!" from ended"#,
        due,
    )
    .fetch_all(connection)
    .await
}
