use sluicegate_contract::ids::JobId;
use sluicegate_core::job::NewJob;
use sqlx::PgExecutor;

use crate::columns::int;
use crate::pool::Pool;

/// What stands in the way may be over between two looks; it is not so again and again.
const TRIES: u32 = 3;

/// The id of the job that stands: this one's, or that of the open one with its key.
pub(super) async fn add(pool: &Pool, job: &NewJob) -> sqlx::Result<JobId> {
    for _ in 0..TRIES {
        if insert(pool, job).await? {
            return Ok(job.id);
        }
        if let Some(id) = standing(pool, job).await? {
            return Ok(id);
        }
    }
    Err(sqlx::Error::RowNotFound)
}

/// For stores that commit a job with what it is about. One that is there already stays as it is, and one whose key an open job
/// has is not written: `false` then.
pub(crate) async fn insert(executor: impl PgExecutor<'_>, job: &NewJob) -> sqlx::Result<bool> {
    let written = sqlx::query!(
        "insert into jobs (id, queue, name, payload, owner_id, priority, dedup_key, run_at,
            max_attempts, traceparent, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        on conflict do nothing",
        job.id.0,
        job.queue,
        job.name,
        job.payload,
        job.owner.0,
        job.priority.number(),
        job.dedup_key,
        job.run_at.into_inner(),
        int(job.max_attempts)?,
        job.traceparent,
        job.created_at.into_inner(),
    )
    .execute(executor)
    .await?;
    Ok(written.rows_affected() > 0)
}

async fn standing(pool: &Pool, job: &NewJob) -> sqlx::Result<Option<JobId>> {
    let id = sqlx::query_scalar!(
        "select id from jobs
        where id = $1 or (
            queue = $2 and dedup_key = $3 and state in ('ready', 'running', 'relayed')
        )
        order by id = $1 desc limit 1",
        job.id.0,
        job.queue,
        job.dedup_key,
    )
    .fetch_optional(pool)
    .await?;
    Ok(id.map(JobId))
}
