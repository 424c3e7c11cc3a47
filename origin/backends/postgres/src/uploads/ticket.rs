use sluicegate_contract::ids::UploadId;
use sluicegate_core::upload::{NewUpload, Upload};
use sqlx::PgPool;

use super::row::{UploadRow, upload_query};
use crate::columns::bigint;

/// Nothing if the owner has too many. Tickets of one owner are given one after the other: the row of the
/// account is locked first, and the statement that counts begins after that.
pub(super) async fn create(
    pool: &PgPool,
    upload: &NewUpload,
    open_limit: u32,
) -> sqlx::Result<Option<Upload>> {
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "select id from accounts where id = $1 for no key update",
        upload.owner.0
    )
    .fetch_one(&mut *transaction)
    .await?;
    let created = upload_query!(
        "insert into uploads (id, owner_id, purpose, state, declared_length, created_at, expires_at)
        select $1, $2, $3, 'ticketed', $4, $5, $6
        where $7 > (
            select count(*) from uploads
            where owner_id = $2 and state = 'ticketed' and expires_at > $5
        )
        returning *",
        upload.id.0,
        upload.owner.0,
        upload.purpose.as_str(),
        bigint(upload.length)?,
        upload.created_at.into_inner(),
        upload.expires_at.into_inner(),
        i64::from(open_limit),
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    created.map(UploadRow::read).transpose()
}

pub(super) async fn abandon(pool: &PgPool, id: UploadId) -> sqlx::Result<Option<Upload>> {
    let abandoned = upload_query!(
        "update uploads set state = 'expired', revision = revision + 1
        where id = $1 and state = 'ticketed'
        returning *",
        id.0,
    )
    .fetch_optional(pool)
    .await?;
    match abandoned {
        Some(row) => row.read().map(Some),
        None => super::find(pool, id).await,
    }
}
