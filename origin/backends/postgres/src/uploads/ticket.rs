use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::{Moderation, UploadState};
use sluicegate_core::quota::{Quota, QuotaReached, Usage, WINDOW};
use sluicegate_core::upload::{NewUpload, Upload};
use sqlx::{PgConnection, PgExecutor, PgPool};

use super::row::{UploadRow, upload_query};
use crate::columns::{bigint, unsigned, unsigned_long};

/// What came of a request for a ticket.
pub(super) enum Given {
    New(Upload, Usage),
    /// The key stands for this one.
    Earlier(Upload),
    Reached(QuotaReached),
}

/// Tickets of one owner are given one after the other: the row of the account is locked first, and the
/// statements that look for the key and count begin after that.
pub(super) async fn create(
    pool: &PgPool,
    upload: &NewUpload,
    quota: &Quota,
) -> sqlx::Result<Given> {
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "select id from accounts where id = $1 for no key update",
        upload.owner.0
    )
    .fetch_one(&mut *transaction)
    .await?;
    if let Some(key) = &upload.key
        && let Some(earlier) =
            named(&mut *transaction, upload.owner, &key.key, upload.created_at).await?
    {
        transaction.rollback().await?;
        return Ok(Given::Earlier(earlier));
    }
    let usage = insert(&mut transaction, upload, quota).await?;
    if let Some(bound) = quota.reached(&usage, upload.length) {
        let retry_at = retry_at(&mut transaction, upload, quota, &usage).await?;
        transaction.rollback().await?;
        return Ok(Given::Reached(QuotaReached {
            bound,
            usage,
            retry_at,
        }));
    }
    transaction.commit().await?;
    Ok(Given::New(given(upload), usage.with(upload.length)))
}

/// The upload that the key stands for, unless nothing can come of it any more.
pub(super) async fn named(
    executor: impl PgExecutor<'_>,
    owner: AccountId,
    key: &str,
    now: Timestamp,
) -> sqlx::Result<Option<Upload>> {
    upload_query!(
        "select u.* from upload_keys k join uploads u on u.id = k.upload_id
        where k.owner_id = $1 and k.key = $2 and k.expires_at > $3
            and u.state <> 'expired' and not (u.state = 'ticketed' and u.expires_at <= $3)",
        owner.0,
        key,
        now.into_inner(),
    )
    .fetch_optional(executor)
    .await?
    .map(UploadRow::read)
    .transpose()
}

/// Counts what is used, and adds the ticket with its key if that leaves room for it.
async fn insert(
    connection: &mut PgConnection,
    upload: &NewUpload,
    quota: &Quota,
) -> sqlx::Result<Usage> {
    let key = upload.key.as_ref();
    let row = sqlx::query!(
        r#"with used as (
            select count(*) filter (where state = 'ticketed') as open_tickets,
                count(*) as pictures, coalesce(sum(declared_length), 0)::bigint as bytes
            from uploads
            where owner_id = $2 and created_at > $7 and state <> 'expired'
                and (state <> 'ticketed' or expires_at > $5)
        ), given as (
            insert into uploads (id, owner_id, purpose, state, declared_length, created_at, expires_at,
                declared_sha256)
            select $1, $2, $3, 'ticketed', $4, $5, $6, $11 from used
            where open_tickets < $8 and pictures < $9 and bytes + $4 <= $10
            returning id, owner_id
        ), named as (
            insert into upload_keys (owner_id, key, upload_id, expires_at)
            select owner_id, $12, id, $13 from given where $12::text is not null
            on conflict (owner_id, key) do update
                set upload_id = excluded.upload_id, expires_at = excluded.expires_at
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
        upload.sha256.as_ref().map(<[u8; 32]>::as_slice),
        key.map(|key| key.key.as_str()),
        key.map(|key| key.expires_at.into_inner()),
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
        declared_sha256: new.sha256.map(hex::encode),
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
