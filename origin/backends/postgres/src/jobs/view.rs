use serde_json::Value;
use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::JobView;
use sluicegate_core::ports::QueueStats;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::columns::{job_state, priority, unsigned, unsigned_long};
use crate::pool::Pool;

struct ViewRow {
    id: Uuid,
    queue: String,
    name: String,
    state: String,
    attempt: i32,
    priority: i16,
    run_at: OffsetDateTime,
    last_error: Option<String>,
    payload: Value,
    owner_id: Uuid,
    max_attempts: i32,
    traceparent: Option<String>,
    created_at: OffsetDateTime,
    settled_at: Option<OffsetDateTime>,
}

impl ViewRow {
    fn read(self) -> sqlx::Result<JobView> {
        Ok(JobView {
            id: JobId(self.id),
            queue: self.queue,
            name: self.name,
            state: job_state(&self.state)?,
            attempts: unsigned(self.attempt)?,
            priority: priority(self.priority)?,
            run_at: self.run_at.into(),
            last_error: self.last_error,
            payload: self.payload,
            owner: AccountId(self.owner_id),
            max_attempts: unsigned(self.max_attempts)?,
            traceparent: self.traceparent,
            created_at: self.created_at.into(),
            settled_at: self.settled_at.map(Into::into),
        })
    }
}

pub(super) async fn job(pool: &Pool, id: JobId) -> sqlx::Result<Option<JobView>> {
    sqlx::query_as!(
        ViewRow,
        "select id, queue, name, state, attempt, priority, run_at, last_error, payload, owner_id,
            max_attempts, traceparent, created_at, settled_at
        from jobs where id = $1",
        id.0,
    )
    .fetch_optional(pool)
    .await?
    .map(ViewRow::read)
    .transpose()
}

pub(super) async fn dead(
    pool: &Pool,
    queue: Option<&str>,
    after: Option<JobId>,
    limit: u32,
) -> sqlx::Result<Vec<JobView>> {
    let rows = sqlx::query_as!(
        ViewRow,
        "select id, queue, name, state, attempt, priority, run_at, last_error, payload, owner_id,
            max_attempts, traceparent, created_at, settled_at
        from jobs where state = 'dead' and ($1::text is null or queue = $1) and id > $2
        order by id limit $3",
        queue,
        after.map_or(Uuid::nil(), |id| id.0),
        i64::from(limit),
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(ViewRow::read).collect()
}

pub(super) async fn discard(pool: &Pool, id: JobId) -> sqlx::Result<bool> {
    let deleted = sqlx::query!("delete from jobs where id = $1 and state = 'dead'", id.0)
        .execute(pool)
        .await?;
    Ok(deleted.rows_affected() > 0)
}

/// One index a number, so that settled jobs cost nothing. What waits in another queue is ready as well. The job of a lost worker could run since its
/// lease ended.
pub(super) async fn stats(pool: &Pool, queue: &str, now: Timestamp) -> sqlx::Result<QueueStats> {
    let row = sqlx::query!(
        r#"select
            (select count(*) from jobs where queue = $1 and state = 'ready')
                + (select count(*) from jobs where queue = $1 and state = 'relayed') as "ready!",
            (select count(*) from jobs where queue = $1 and state = 'running') as "running!",
            (select count(*) from jobs where queue = $1 and state = 'dead') as "dead!",
            least(
                (select min(run_at) from jobs
                    where queue = $1 and state = 'ready' and run_at <= $2),
                (select min(run_at) from jobs
                    where queue = $1 and state = 'relayed' and run_at <= $2),
                (select min(lease_until) from jobs
                    where queue = $1 and state = 'running' and lease_until <= $2)
            ) as oldest_ready,
            (select paused_at from job_queues where queue = $1) as paused_at"#,
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
        paused_since: row.paused_at.map(Into::into),
    })
}
