use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::JobView;
use sluicegate_core::ports::QueueStats;
use sqlx::PgPool;

use crate::columns::{job_state, unsigned, unsigned_long};

pub(super) async fn job(pool: &PgPool, id: JobId) -> sqlx::Result<Option<JobView>> {
    let row = sqlx::query!(
        "select queue, name, state, attempt, run_at, last_error from jobs where id = $1",
        id.0,
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        Ok(JobView {
            id,
            queue: row.queue,
            name: row.name,
            state: job_state(&row.state)?,
            attempts: unsigned(row.attempt)?,
            run_at: row.run_at.into(),
            last_error: row.last_error,
        })
    })
    .transpose()
}

/// One index a number, so that settled jobs cost nothing. The job of a lost worker could run since its
/// lease ended.
pub(super) async fn stats(pool: &PgPool, queue: &str, now: Timestamp) -> sqlx::Result<QueueStats> {
    let row = sqlx::query!(
        r#"select
            (select count(*) from jobs where queue = $1 and state = 'ready') as "ready!",
            (select count(*) from jobs where queue = $1 and state = 'running') as "running!",
            (select count(*) from jobs where queue = $1 and state = 'dead') as "dead!",
            least(
                (select min(run_at) from jobs
                    where queue = $1 and state = 'ready' and run_at <= $2),
                (select min(lease_until) from jobs
                    where queue = $1 and state = 'running' and lease_until <= $2)
            ) as oldest_ready"#,
        queue,
        now.into_inner(),
    )
    .fetch_one(pool)
    .await?;
    Ok(QueueStats {
        ready: unsigned_long(row.ready)?,
        running: unsigned_long(row.running)?,
        dead: unsigned_long(row.dead)?,
        oldest_ready: row.oldest_ready.map(Into::into),
    })
}
