use sluicegate_contract::ids::{JobId, UploadId};
use sluicegate_contract::media::MediaKey;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::{Lease, LeaseLost, NewJob, PurgeMedia};
use sluicegate_core::moderation::Record;
use sluicegate_core::ports::{Burial, ImageVerdict};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::jobs::{self, settle};
use crate::pool::Pool;

/// With a token: only while the claim holds.
pub(super) async fn reject(
    pool: &Pool,
    id: UploadId,
    token: Option<Uuid>,
    reason: &str,
) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    let changed = sqlx::query!(
        "update uploads set state = 'rejected', reason = $2, making_until = null,
            making_capped = false, revision = revision + 1
        where id = $1 and case when $3::uuid is null
            then state in ('ticketed', 'received', 'processing')
            else state = 'processing' and making_token = $3
        end",
        id.0,
        reason,
        token,
    )
    .execute(&mut *transaction)
    .await?;
    if changed.rows_affected() > 0 {
        clear(&mut transaction, id.0).await?;
    }
    transaction.commit().await
}

/// The job is buried first: with a lost lease nothing else happens.
pub(super) async fn fail(
    pool: &Pool,
    id: UploadId,
    reason: &str,
    burial: Option<&Burial<'_>>,
    now: Timestamp,
) -> sqlx::Result<Result<(), LeaseLost>> {
    let mut transaction = pool.begin().await?;
    if let Some(Burial { lease, error }) = burial
        && !settle::bury(&mut *transaction, lease, error, now).await?
    {
        return Ok(Err(LeaseLost(*lease)));
    }
    sqlx::query!(
        "update uploads set state = 'failed', reason = $2, making_until = null,
            making_capped = false, revision = revision + 1
        where id = $1 and state in ('received', 'processing')",
        id.0,
        reason,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Ok(()))
}

/// The job is settled first: with a lost lease nothing else happens.
pub(super) async fn apply(
    pool: &Pool,
    id: UploadId,
    verdict: &ImageVerdict,
    lease: Option<&Lease>,
    now: Timestamp,
) -> sqlx::Result<Result<(), LeaseLost>> {
    let mut transaction = pool.begin().await?;
    if let Some(lease) = lease
        && !settle::done(&mut transaction, lease, now).await?
    {
        return Ok(Err(LeaseLost(*lease)));
    }
    match verdict {
        ImageVerdict::Passed(record) => pass(&mut transaction, id, record, now).await?,
        ImageVerdict::Removed(record) => {
            if let Some(removal) = remove(&mut transaction, id, record, now).await? {
                clear(&mut transaction, id.0).await?;
                if removal.had_arrived {
                    jobs::insert(&mut *transaction, &purge(id, record, now)).await?;
                }
            }
        }
    }
    transaction.commit().await?;
    Ok(Ok(()))
}

/// A removal, and what a person gave back, stand: a check that runs twice never overrules them.
async fn pass(
    connection: &mut PgConnection,
    id: UploadId,
    record: &Record,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "with u as (
            update uploads set moderation = 'passed', moderated_at = $2, revision = revision + 1
            where id = $1 and moderation = 'unreviewed' and state <> 'rejected'
            returning id, owner_id
        )
        insert into moderation_records (id, upload_id, owner_id, source, stage, outcome, reason,
            confidence, scores, created_at)
        select $3, u.id, u.owner_id, $4, $5, 'passed', $6, $7, $8, $9 from u",
        id.0,
        now.into_inner(),
        record.id,
        record.source,
        record.stage,
        record.reason,
        record.confidence,
        record.scores,
        record.created_at.into_inner(),
    )
    .execute(connection)
    .await
    .map(drop)
}

struct Removal {
    had_arrived: bool,
}

/// `None` if it was removed before, or given back by a person.
async fn remove(
    connection: &mut PgConnection,
    id: UploadId,
    record: &Record,
    now: Timestamp,
) -> sqlx::Result<Option<Removal>> {
    sqlx::query_as!(
        Removal,
        "with u as (
            update uploads set moderation = 'removed', moderated_at = $2, state = 'rejected',
                reason = 'unsafe', making_until = null, making_capped = false,
                revision = revision + 1
            where id = $1 and moderation in ('unreviewed', 'passed')
            returning id, owner_id, received_at
        ), r as (
            insert into moderation_records (id, upload_id, owner_id, source, stage, outcome, reason,
                confidence, scores, created_at)
            select $3, u.id, u.owner_id, $4, $5, 'removed', $6, $7, $8, $9 from u
        )
        select received_at is not null as \"had_arrived!\" from u",
        id.0,
        now.into_inner(),
        record.id,
        record.source,
        record.stage,
        record.reason,
        record.confidence,
        record.scores,
        record.created_at.into_inner(),
    )
    .fetch_optional(connection)
    .await
}

/// Under the record's id: one removal has one.
fn purge(id: UploadId, record: &Record, now: Timestamp) -> NewJob {
    let payload = PurgeMedia {
        key: MediaKey(id),
        user_id: record.owner,
    };
    NewJob::purge_media(JobId(record.id), &payload, now)
}

/// Takes an upload from where it is shown. A statement of its own: it must see what was set while the one
/// before waited for the upload's row.
async fn clear(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "with profiles as (
            update accounts set
                avatar_upload_id = nullif(avatar_upload_id, $1),
                profile_header_upload_id = nullif(profile_header_upload_id, $1)
            where avatar_upload_id = $1 or profile_header_upload_id = $1
        )
        update posts set header_upload_id = null where header_upload_id = $1",
        id,
    )
    .execute(connection)
    .await
    .map(drop)
}
