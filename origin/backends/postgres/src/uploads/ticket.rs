use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::{Moderation, UploadState};
use sluicegate_core::quota::{Quota, QuotaReached, Usage};
use sluicegate_core::upload::{NewUpload, Upload};
use sqlx::{PgConnection, PgExecutor};

use super::counts;
use super::row::{UploadRow, upload_query};
use crate::columns::bigint;
use crate::pool::Pool;

/// What came of a request for a ticket.
pub(super) enum Given {
    New(Upload, Usage),
    /// The key stands for this one.
    Earlier(Upload),
    Reached(QuotaReached),
}

/// Tickets of one owner are given one after the other: the row of the account is locked first, and the
/// statements that look for the key and count begin after that.
pub(super) async fn create(pool: &Pool, upload: &NewUpload, quota: &Quota) -> sqlx::Result<Given> {
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
    let usage = counts::usage(&mut *transaction, upload.owner, upload.created_at).await?;
    if let Some(bound) = quota.reached(&usage, upload.length) {
        let retry_at = counts::retry_at(&mut *transaction, upload, quota, &usage).await?;
        transaction.rollback().await?;
        return Ok(Given::Reached(QuotaReached {
            bound,
            usage,
            retry_at,
        }));
    }
    insert(&mut transaction, upload).await?;
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

/// Adds the ticket with its key.
async fn insert(connection: &mut PgConnection, upload: &NewUpload) -> sqlx::Result<()> {
    let key = upload.key.as_ref();
    sqlx::query!(
        "with given as (
            insert into uploads (id, owner_id, purpose, state, declared_length, created_at, expires_at,
                put_until, declared_sha256, head_sha256)
            values ($1, $2, $3, 'ticketed', $4, $5, $6, $7, $8, $11)
            returning id, owner_id
        )
        insert into upload_keys (owner_id, key, upload_id, expires_at)
        select owner_id, $9, id, $10 from given where $9::text is not null
        on conflict (owner_id, key) do update
            set upload_id = excluded.upload_id, expires_at = excluded.expires_at",
        upload.id.0,
        upload.owner.0,
        upload.purpose.as_str(),
        bigint(upload.length)?,
        upload.created_at.into_inner(),
        upload.expires_at.into_inner(),
        upload.put_until.map(Timestamp::into_inner),
        upload.sha256.as_ref().map(<[u8; 32]>::as_slice),
        key.map(|key| key.key.as_str()),
        key.map(|key| key.expires_at.into_inner()),
        upload.head_sha256.as_ref().map(<[u8; 32]>::as_slice),
    )
    .execute(connection)
    .await
    .map(drop)
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
        head_sha256: new.head_sha256.map(hex::encode),
        staged_etag: None,
        derivative: None,
        revision: 1,
        created_at: new.created_at,
        expires_at: new.expires_at,
        put_until: new.put_until,
        received_at: None,
        ready_at: None,
        moderated_at: None,
    }
}

pub(super) async fn abandon(pool: &Pool, id: UploadId) -> sqlx::Result<Option<Upload>> {
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
