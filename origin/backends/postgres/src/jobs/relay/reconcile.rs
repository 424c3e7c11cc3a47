use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::ports::{Suspect, Verdict};
use uuid::Uuid;

use crate::pool::Pool;

/// Rows that another reconciler compares just now are skipped. Those of lost workers come first: nobody else finds them.
pub(super) async fn suspects(
    pool: &Pool,
    queue: &str,
    before: Timestamp,
    limit: u32,
    now: Timestamp,
) -> sqlx::Result<Vec<Suspect>> {
    let rows = sqlx::query!(
        r#"with lost as materialized (
            select id from jobs
            where queue = $1 and state = 'running' and lease_until <= $2
                and (checked_at is null or checked_at <= $2)
            order by lease_until limit $3
            for update skip locked
        ), waiting as materialized (
            select id from jobs
            where queue = $1 and state = 'relayed' and checked_at <= $2
            order by checked_at limit greatest($3 - (select count(*) from lost), 0)
            for update skip locked
        ), picked as (
            select id from lost union all select id from waiting
        )
        update jobs set checked_at = $4 from picked where jobs.id = picked.id
        returning jobs.id, jobs.relayed_as"#,
        queue,
        before.into_inner(),
        i64::from(limit),
        now.into_inner(),
    )
    .fetch_all(pool)
    .await?;
    let suspects = rows.into_iter().map(|row| Suspect {
        job: JobId(row.id),
        relayed_as: row.relayed_as,
    });
    Ok(suspects.collect())
}

pub(super) async fn suspect(pool: &Pool, queue: &str, jobs: &[JobId]) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = jobs.iter().map(|job| job.0).collect();
    // A relay may have handed some over and not committed yet: until it has they are ready, and its.
    sqlx::query!(
        "with named as materialized (
            select id, state from jobs
            where id = any($1) and queue = $2 and state in ('ready', 'relayed')
            order by id for update
        )
        update jobs set checked_at = '-infinity' from named
        where jobs.id = named.id and named.state = 'relayed'",
        &ids,
        queue,
    )
    .execute(pool)
    .await
    .map(drop)
}

pub(super) async fn suspect_all(pool: &Pool, queue: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update jobs set checked_at = '-infinity'
        where queue = $1 and state in ('relayed', 'running') and checked_at is not null",
        queue,
    )
    .execute(pool)
    .await
    .map(drop)
}

/// `run_at` stays as it was, so that the job keeps its age. If it is due its turn is now; else it gets one then, and stands in
/// nobody's way until that time.
pub(super) async fn resolve(
    pool: &Pool,
    job: JobId,
    verdict: Verdict,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let result = match verdict {
        Verdict::Missing => {
            sqlx::query!(
                "update jobs set state = 'ready', relayed_at = null, checked_at = null,
                    turn = case when run_at <= $2 then
                        job_turn(queue, priority, '00000000-0000-0000-0000-000000000000') end,
                    relayed_as = null, lease_until = null, worker = null
                where id = $1
                    and (state = 'relayed' or (state = 'running' and lease_until <= $2))",
                job.0,
                now.into_inner(),
            )
            .execute(pool)
            .await?
        }
        Verdict::Done => {
            sqlx::query!(
                "update jobs set state = 'done', settled_at = $2, lease_until = null
                where id = $1
                    and (state = 'relayed' or (state = 'running' and lease_until <= $2))",
                job.0,
                now.into_inner(),
            )
            .execute(pool)
            .await?
        }
    };
    Ok(result.rows_affected() > 0)
}

/// Each gets a turn when it is looked for, the oldest first.
pub(super) async fn recall(pool: &Pool, limit: u32) -> sqlx::Result<u64> {
    let result = sqlx::query!(
        "update jobs set state = 'ready', relayed_at = null, checked_at = null, relayed_as = null,
            turn = null
        where id in (
            select id from jobs where state = 'relayed' limit $1 for update skip locked
        )",
        i64::from(limit),
    )
    .execute(pool)
    .await?;
    Ok(result.rows_affected())
}
