use sluicegate_contract::time::Timestamp;

use crate::pool::Pool;

/// A queue that is paused already stays so since then.
pub(super) async fn pause(pool: &Pool, queue: &str, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into job_queues (queue, paused_at) values ($1, $2)
        on conflict (queue) do update
            set paused_at = coalesce(job_queues.paused_at, excluded.paused_at)",
        queue,
        now.into_inner(),
    )
    .execute(pool)
    .await
    .map(drop)
}

pub(super) async fn resume(pool: &Pool, queue: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update job_queues set paused_at = null where queue = $1",
        queue
    )
    .execute(pool)
    .await
    .map(drop)
}

pub(super) async fn is_paused(pool: &Pool, queue: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (
            select from job_queues where queue = $1 and paused_at is not null
        ) as "paused!""#,
        queue,
    )
    .fetch_one(pool)
    .await
}
