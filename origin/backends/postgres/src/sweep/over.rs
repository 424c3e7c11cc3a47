use sluicegate_contract::ids::UploadId;
use sluicegate_contract::time::Timestamp;

use super::uuids;

use crate::pool::Pool;

pub(super) async fn list(
    pool: &Pool,
    again_until: Timestamp,
    limit: u32,
) -> sqlx::Result<Vec<UploadId>> {
    let ids = sqlx::query_scalar!(
        "select id from uploads
        where state in ('expired', 'rejected') and sweeps < 2
            and (swept_at is null or swept_at <= $1)
        order by swept_at nulls first limit $2",
        again_until.into_inner(),
        i64::from(limit),
    )
    .fetch_all(pool)
    .await?;
    Ok(ids.into_iter().map(UploadId).collect())
}

/// Of two who swept the same at the same time one counts.
pub(super) async fn note(
    pool: &Pool,
    ids: &[UploadId],
    again_until: Timestamp,
    now: Timestamp,
) -> sqlx::Result<()> {
    let ids = uuids(ids);
    sqlx::query!(
        "update uploads set sweeps = sweeps + 1, swept_at = $2
        where id = any($1) and state in ('expired', 'rejected') and sweeps < 2
            and (swept_at is null or swept_at <= $3)",
        &ids,
        now.into_inner(),
        again_until.into_inner(),
    )
    .execute(pool)
    .await
    .map(drop)
}
