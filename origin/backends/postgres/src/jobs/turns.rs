//! Turns of jobs whose time has come only now.
//!
//! A job that could run at once got its turn when it was written, by a trigger. Retried, replayed and delayed jobs have none, nor
//! those that programs wrote that knew no turns.

use sluicegate_contract::time::Timestamp;

use crate::pool::Pool;

/// So many at once. A worker takes fewer, so that those behind get their turn in time.
const MOST: i64 = 500;

/// Gives jobs that are due and have no turn theirs. Another who does that just now is not waited for.
pub(super) async fn give(pool: &Pool, queue: &str, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "update jobs set turn = job_turn(jobs.queue, jobs.priority, jobs.owner_id)
        where id = any(array(
            select id from jobs
            where queue = $1 and state = 'ready' and turn is null and run_at <= $2
            order by run_at, id limit $3
            for update skip locked
        ))",
        queue,
        now.into_inner(),
        MOST,
    )
    .execute(pool)
    .await
    .map(drop)
}
