use sluicegate_contract::ids::UploadId;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::UploadState;
use sluicegate_core::job::NewJob;
use sluicegate_core::moderation::Record;
use sluicegate_core::upload::{Completion, Derivative};

use super::row::{DerivativeColumns, UploadRow, upload_query};
use crate::columns::int;
use crate::pool::Pool;

pub(super) async fn with_job(
    pool: &Pool,
    id: UploadId,
    staged_etag: &str,
    job: &NewJob,
    now: Timestamp,
) -> sqlx::Result<Completion> {
    let row = upload_query!(
        "update uploads set state = 'received', staged_etag = $2, received_at = $3,
            revision = revision + 1
        where id = $1 and state = 'ticketed' and expires_at > $3
        returning *
        ), j as (
            insert into jobs (id, queue, name, payload, owner_id, priority, dedup_key, run_at,
                max_attempts, traceparent, created_at)
            select $4, $5, $6, $7, $8, $13, $14, $9, $10, $11, $12 from u
            on conflict (queue, dedup_key)
                where dedup_key is not null and state in ('ready', 'running', 'relayed')
                do nothing",
        id.0,
        staged_etag,
        now.into_inner(),
        job.id.0,
        job.queue,
        job.name,
        job.payload,
        job.owner.0,
        job.run_at.into_inner(),
        int(job.max_attempts)?,
        job.traceparent,
        job.created_at.into_inner(),
        job.priority.number(),
        job.dedup_key,
    )
    .fetch_optional(pool)
    .await?;
    completion(pool, id, row).await
}

pub(super) async fn judged(
    pool: &Pool,
    id: UploadId,
    staged_etag: &str,
    derivative: &Derivative,
    record: &Record,
    now: Timestamp,
) -> sqlx::Result<Completion> {
    let made = DerivativeColumns::new(derivative)?;
    let row = upload_query!(
        "update uploads set state = 'ready', moderation = 'passed', staged_etag = $2,
            received_at = $3, ready_at = $3, moderated_at = $3,
            sha256 = $4, length = $5, width = $6, height = $7, blurhash = $8, perceptual_hash = $9,
            source_sha256 = $10, revision = revision + 1
        where id = $1 and state = 'ticketed' and expires_at > $3
        returning *
        ), r as (
            insert into moderation_records (id, upload_id, owner_id, source, stage, outcome, reason,
                confidence, scores, created_at)
            select $11, u.id, u.owner_id, $12, $13, 'passed', $14, $15, $16, $17 from u",
        id.0,
        staged_etag,
        now.into_inner(),
        made.sha256,
        made.length,
        made.width,
        made.height,
        made.blurhash,
        made.perceptual_hash,
        made.source_sha256,
        record.id,
        record.source,
        record.stage,
        record.reason,
        record.confidence,
        record.scores,
        record.created_at.into_inner(),
    )
    .fetch_optional(pool)
    .await?;
    completion(pool, id, row).await
}

/// What to answer: by the row that was changed, or by how the upload stands if none was.
async fn completion(
    pool: &Pool,
    id: UploadId,
    changed: Option<UploadRow>,
) -> sqlx::Result<Completion> {
    if let Some(row) = changed {
        return row.read().map(Completion::Completed);
    }
    let Some(upload) = super::find(pool, id).await? else {
        return Ok(Completion::Unknown);
    };
    Ok(match upload.state {
        UploadState::Received | UploadState::Processing | UploadState::Ready => {
            Completion::Already(upload)
        }
        UploadState::Ticketed
        | UploadState::Rejected
        | UploadState::Failed
        | UploadState::Expired => Completion::Refused(upload),
    })
}
