use sluicegate_contract::ids::UploadId;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::{Moderation, UploadState};
use sluicegate_core::quota::{Quota, QuotaReached, Usage, WINDOW};
use sluicegate_core::upload::{NewUpload, Upload};
use sqlx::{PgConnection, PgPool};

use super::row::{UploadRow, upload_query};
use crate::columns::{bigint, unsigned, unsigned_long};

/// Tickets of one owner are given one after the other: the row of the account is locked first, and the
/// statement that counts begins after that.
pub(super) async fn create(
    pool: &PgPool,
    upload: &NewUpload,
    quota: &Quota,
) -> sqlx::Result<Result<(Upload, Usage), QuotaReached>> {
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "select id from accounts where id = $1 for no key update",
        upload.owner.0
    )
    .fetch_one(&mut *transaction)
    .await?;
    let usage = insert(&mut transaction, upload, quota).await?;
    if let Some(bound) = quota.reached(&usage, upload.length) {
        let retry_at = retry_at(&mut transaction, upload, quota, &usage).await?;
        return Ok(Err(QuotaReached {
            bound,
            usage,
            retry_at,
        }));
    }
    transaction.commit().await?;
    Ok(Ok((given(upload), usage.with(upload.length))))
}

/// Counts what is used, and adds the ticket if that leaves room for it.
async fn insert(
    connection: &mut PgConnection,
    upload: &NewUpload,
    quota: &Quota,
) -> sqlx::Result<Usage> {
    let row = sqlx::query!(
        r#"with used as (
            select count(*) filter (where state = 'ticketed') as open_tickets,
                count(*) as pictures, coalesce(sum(declared_length), 0)::bigint as bytes
            from uploads
            where owner_id = $2 and created_at > $7 and state <> 'expired'
                and (state <> 'ticketed' or expires_at > $5)
        ), given as (
            insert into uploads (id, owner_id, purpose, state, declared_length, created_at, expires_at)
            select $1, $2, $3, 'ticketed', $4, $5, $6 from used
            where open_tickets < $8 and pictures < $9 and bytes + $4 <= $10
        )
        select open_tickets::int as "open_tickets!", pictures::int as "pictures!", bytes as "bytes!"
        from used"#,
        upload.id.0,
        upload.owner.0,
        upload.purpose.as_str(),
        bigint(upload.length)?,
        upload.created_at.into_inner(),
        upload.expires_at.into_inner(),
        upload.created_at.minus(WINDOW).into_inner(),
        i64::from(quota.open_tickets),
        i64::from(quota.pictures),
        bigint(quota.bytes)?,
    )
    .fetch_one(connection)
    .await?;
    Ok(Usage {
        open_tickets: unsigned(row.open_tickets)?,
        pictures: unsigned(row.pictures)?,
        bytes: unsigned_long(row.bytes)?,
    })
}

/// When so much of what is counted has left the count that the ticket fits: open tickets leave it when they
/// run out, all else when it is a window old. Beyond the window if the ticket alone is too large.
async fn retry_at(
    connection: &mut PgConnection,
    upload: &NewUpload,
    quota: &Quota,
    usage: &Usage,
) -> sqlx::Result<Timestamp> {
    let now = upload.created_at;
    let leaves = sqlx::query_scalar!(
        r#"with counted as (
            select id, declared_length, state = 'ticketed' as is_open,
                case state when 'ticketed' then expires_at
                    else created_at + make_interval(secs => $10) end as leaves
            from uploads
            where owner_id = $1 and created_at > $3 and state <> 'expired'
                and (state <> 'ticketed' or expires_at > $2)
        ), gone as (
            select leaves, count(*) filter (where is_open) over earlier as open_tickets,
                count(*) over earlier as pictures, (sum(declared_length) over earlier)::bigint as bytes
            from counted
            window earlier as (order by leaves, id rows unbounded preceding)
        )
        select min(leaves) from gone
        where $4 - open_tickets < $5 and $6 - pictures < $7 and $8 - bytes <= $9"#,
        upload.owner.0,
        now.into_inner(),
        now.minus(WINDOW).into_inner(),
        i64::from(usage.open_tickets),
        i64::from(quota.open_tickets),
        i64::from(usage.pictures),
        i64::from(quota.pictures),
        bigint(usage.bytes.saturating_add(upload.length))?,
        bigint(quota.bytes)?,
        WINDOW.as_secs_f64(),
    )
    .fetch_one(connection)
    .await?;
    Ok(leaves.map_or_else(|| now.plus(WINDOW), Into::into))
}

/// The row as it was written.
fn given(new: &NewUpload) -> Upload {
    Upload {
        id: new.id,
        owner: new.owner,
        purpose: new.purpose,
        state: UploadState::Ticketed,
        moderation: Moderation::Unreviewed,
        reason: None,
        declared_length: new.length,
        staged_etag: None,
        derivative: None,
        revision: 1,
        created_at: new.created_at,
        expires_at: new.expires_at,
        received_at: None,
        ready_at: None,
        moderated_at: None,
    }
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
