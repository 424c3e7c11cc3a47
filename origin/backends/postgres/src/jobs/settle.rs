//! Each of these answers `false`, and changes nothing, if the lease is not the newest of a running job.

use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::Lease;
use sqlx::postgres::PgQueryResult;
use sqlx::{PgConnection, PgExecutor};

use crate::columns::int;
use crate::pool::Pool;

/// For stores that commit a job's effects with it.
pub(crate) async fn done(
    connection: &mut PgConnection,
    lease: &Lease,
    now: Timestamp,
) -> sqlx::Result<bool> {
    sqlx::query!(
        "update jobs set state = 'done', lease_until = null, settled_at = $3
        where id = $1 and attempt = $2 and state = 'running'",
        lease.job.0,
        int(lease.attempt)?,
        now.into_inner(),
    )
    .execute(connection)
    .await
    .map(changed)
}

/// A job that another queue delivered waits there for its next attempt.
pub(super) async fn retry(
    pool: &Pool,
    lease: &Lease,
    run_at: Timestamp,
    error: &str,
    now: Timestamp,
) -> sqlx::Result<bool> {
    sqlx::query!(
        "update jobs set
            state = case
                when attempts_used >= max_attempts then 'dead'
                when relayed_at is not null then 'relayed'
                else 'ready'
            end,
            settled_at = case when attempts_used < max_attempts then null else $5::timestamptz end,
            run_at = $3, turn = null, last_error = $4, lease_until = null, worker = null,
            -- There is nothing to be compared with that queue before that time.
            checked_at = case when relayed_at is null then checked_at else $3::timestamptz end
        where id = $1 and attempt = $2 and state = 'running'",
        lease.job.0,
        int(lease.attempt)?,
        run_at.into_inner(),
        storable(error),
        now.into_inner(),
    )
    .execute(pool)
    .await
    .map(changed)
}

/// For stores that commit what a job's death changes with it.
pub(crate) async fn bury(
    executor: impl PgExecutor<'_>,
    lease: &Lease,
    error: &str,
    now: Timestamp,
) -> sqlx::Result<bool> {
    sqlx::query!(
        "update jobs set state = 'dead', last_error = $3, lease_until = null, worker = null,
            settled_at = $4
        where id = $1 and attempt = $2 and state = 'running'",
        lease.job.0,
        int(lease.attempt)?,
        storable(error),
        now.into_inner(),
    )
    .execute(executor)
    .await
    .map(changed)
}

/// `run_at` stays as it was, so that the job keeps its age, and its turn is now.
pub(super) async fn release(pool: &Pool, lease: &Lease) -> sqlx::Result<bool> {
    sqlx::query!(
        "update jobs set state = case when relayed_at is null then 'ready' else 'relayed' end,
            turn = job_turn(queue, priority, '00000000-0000-0000-0000-000000000000'),
            attempts_used = attempts_used - 1, lease_until = null, worker = null
        where id = $1 and attempt = $2 and state = 'running'",
        lease.job.0,
        int(lease.attempt)?,
    )
    .execute(pool)
    .await
    .map(changed)
}

pub(super) async fn replay(pool: &Pool, id: JobId, now: Timestamp) -> sqlx::Result<bool> {
    sqlx::query!(
        "update jobs set state = 'ready', attempts_used = 0, run_at = $2, turn = null,
            settled_at = null, relayed_at = null, checked_at = null, relayed_as = null
        where id = $1 and state = 'dead' and not exists (
            select from jobs as open
            where open.queue = jobs.queue and open.dedup_key = jobs.dedup_key
                and open.state in ('ready', 'running', 'relayed')
        )",
        id.0,
        now.into_inner(),
    )
    .execute(pool)
    .await
    .map(changed)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map` hands over")]
fn changed(result: PgQueryResult) -> bool {
    result.rows_affected() > 0
}

/// An error's text as a column can hold it: no NUL, at most 2,000 characters.
fn storable(error: &str) -> String {
    error.chars().filter(|c| *c != '\0').take(2_000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_cut_and_cleaned() {
        assert_eq!(storable("a\0b"), "ab");
        assert_eq!(storable(&"ü".repeat(3_000)).chars().count(), 2_000);
    }
}
