use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::Value;
use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::fair::Priority;
use sluicegate_core::job::{Lease, LeasedJob, Turn};
use sluicegate_core::ports::ClaimRequest;
use sqlx::PgExecutor;
use time::OffsetDateTime;
use uuid::Uuid;

use super::rate::Budget;
use super::turns;
use crate::columns::{int, unsigned};
use crate::pool::Pool;

pub(super) struct LeasedRow {
    pub(super) id: Uuid,
    pub(super) attempt: i32,
    pub(super) attempts_used: i32,
    pub(super) queue: String,
    pub(super) name: String,
    pub(super) payload: Value,
    pub(super) owner_id: Uuid,
    pub(super) max_attempts: i32,
    pub(super) traceparent: Option<String>,
    pub(super) created_at: OffsetDateTime,
}

impl LeasedRow {
    pub(super) fn read(self) -> sqlx::Result<LeasedJob> {
        Ok(LeasedJob {
            lease: Lease {
                job: JobId(self.id),
                attempt: unsigned(self.attempt)?,
            },
            turn: match self.attempts_used.cmp(&self.max_attempts) {
                Ordering::Less => Turn::Attempt,
                Ordering::Equal => Turn::LastAttempt,
                Ordering::Greater => Turn::Burial,
            },
            attempts_used: unsigned(self.attempts_used)?,
            queue: self.queue,
            name: self.name,
            payload: self.payload,
            owner: AccountId(self.owner_id),
            max_attempts: unsigned(self.max_attempts)?,
            traceparent: self.traceparent,
            created_at: self.created_at.into(),
        })
    }
}

/// What a claim looks at beyond what it takes: others may hold the first rows, or their owners have their share.
const AHEAD: i64 = 64;

/// Jobs of lost workers first, then ready ones in the order of their turns. Rows that another claim holds are skipped, never
/// waited for.
pub(super) async fn claim(
    pool: &Pool,
    request: &ClaimRequest<'_>,
    now: Timestamp,
) -> sqlx::Result<Vec<LeasedJob>> {
    let mut found = round(pool, request, request.limit, now).await?;
    if found.turns_are_missing {
        turns::give(pool, request.queue, now).await?;
        let taken = u32::try_from(found.jobs.len()).unwrap_or(u32::MAX);
        let left = request.limit.saturating_sub(taken);
        if left > 0 {
            found
                .jobs
                .extend(round(pool, request, left, now).await?.jobs);
        }
    }
    found.jobs.into_iter().map(LeasedRow::read).collect()
}

/// A job that was claimed, or the one row of a claim that found none.
struct ClaimRow {
    are_missing: bool,
    id: Option<Uuid>,
    attempt: Option<i32>,
    attempts_used: Option<i32>,
    queue: Option<String>,
    name: Option<String>,
    payload: Option<Value>,
    owner_id: Option<Uuid>,
    max_attempts: Option<i32>,
    traceparent: Option<String>,
    created_at: Option<OffsetDateTime>,
}

impl ClaimRow {
    fn job(self) -> Option<LeasedRow> {
        Some(LeasedRow {
            id: self.id?,
            attempt: self.attempt?,
            attempts_used: self.attempts_used?,
            queue: self.queue?,
            name: self.name?,
            payload: self.payload?,
            owner_id: self.owner_id?,
            max_attempts: self.max_attempts?,
            traceparent: self.traceparent,
            created_at: self.created_at?,
        })
    }
}

struct Found {
    jobs: Vec<LeasedRow>,
    /// Jobs are due that have no turn yet, and were not looked at.
    turns_are_missing: bool,
}

async fn round(
    pool: &Pool,
    request: &ClaimRequest<'_>,
    limit: u32,
    now: Timestamp,
) -> sqlx::Result<Found> {
    let Some(rate) = request.bounds.rate else {
        return lease(pool, request, limit, now).await;
    };
    let mut transaction = pool.begin().await?;
    let mut budget = Budget::hold(&mut transaction, request.queue, rate, now).await?;
    let limit = limit.min(budget.places(now));
    let found = lease(&mut *transaction, request, limit, now).await?;
    if !found.jobs.is_empty() {
        budget
            .spend(&mut transaction, found.jobs.len(), now)
            .await?;
    }
    transaction.commit().await?;
    Ok(found)
}

/// Nothing here grows with what waits: of each priority the first rows are looked at, in the order of an index. Twice as many are
/// locked as are taken at most, since how many of them are one owner's is known only then. Each row is looked up by
/// itself (`lateral`), so that no plan reads the table, whatever the planner thinks of the limits.
async fn lease(
    executor: impl PgExecutor<'_>,
    request: &ClaimRequest<'_>,
    limit: u32,
    now: Timestamp,
) -> sqlx::Result<Found> {
    let rows = sqlx::query_as!(
        ClaimRow,
        r#"with room as materialized (
            select case when exists (
                select from job_queues where queue = $1 and paused_at is not null
            ) then 0 else $3::bigint end as places
        ), lost as materialized (
            select id from jobs
            where queue = $1 and state = 'running' and lease_until <= $2
            order by lease_until limit (select places from room)
            for update skip locked
        ), running as materialized (
            select owner_id, priority, worker from jobs where queue = $1 and state = 'running'
        ), busy as materialized (
            select owner_id, count(*) as jobs from running where worker = $5 group by owner_id
        ), waiting as materialized (
            select head.id, head.owner_id, head.priority, head.turn,
                head.priority > 0 and head.place = 1 and head.run_at <= $6
                    and not exists (
                        select from running where running.priority = head.priority
                    ) as owed
            from room
            cross join unnest(array[0, 1, 2]::smallint[]) as level (priority)
            cross join lateral (
                select id, owner_id, priority, turn, run_at,
                    row_number() over (order by turn, id) as place
                from jobs
                where queue = $1 and priority = level.priority and state = 'ready'
                    and turn is not null and run_at <= $2
                order by turn, id limit $7
            ) as head
            where room.places > (select count(*) from lost)
        ), locked as materialized (
            select free.id, candidate.owner_id, candidate.priority, candidate.turn,
                candidate.owed, candidate.busy
            from (
                select waiting.*, coalesce(busy.jobs, 0) as busy
                from waiting left join busy on busy.owner_id = waiting.owner_id
                where coalesce(busy.jobs, 0) < $8
                    or waiting.owner_id = '00000000-0000-0000-0000-000000000000'
                order by owed desc, priority, turn, id
            ) as candidate
            cross join lateral (
                select id from jobs
                where jobs.id = candidate.id and state = 'ready' and turn is not null
                    and run_at <= $2
                for update skip locked
            ) as free
            limit (select 2 * places from room)
        ), fitting as materialized (
            select id from (
                select *, row_number() over (
                    partition by owner_id order by owed desc, priority, turn, id
                ) as nth
                from locked
            ) as counted
            where busy + nth <= $8 or owner_id = '00000000-0000-0000-0000-000000000000'
            order by owed desc, priority, turn, id
            limit (select places - (select count(*) from lost) from room)
        ), leased as (
            update jobs set
                state = 'running', attempt = attempt + 1, attempts_used = attempts_used + 1,
                lease_until = $4, worker = $5,
                -- One that another queue once delivered is ours now: else nobody would look for it after a failure.
                relayed_at = null, checked_at = null, relayed_as = null
            where id = any(array(select id from lost union all select id from fitting))
            returning jobs.*
        )
        select turns.are_missing as "are_missing!", id as "id?", attempt as "attempt?",
            attempts_used as "attempts_used?", queue as "queue?", name as "name?",
            payload as "payload?", owner_id as "owner_id?", max_attempts as "max_attempts?",
            traceparent, created_at as "created_at?"
        from (
            select exists (
                select from jobs
                where queue = $1 and state = 'ready' and turn is null and run_at <= $2
            ) as are_missing
        ) as turns
        left join leased on true
        order by run_at, id"#,
        request.queue,
        now.into_inner(),
        i64::from(limit),
        now.plus(request.lease).into_inner(),
        request.worker,
        now.minus(Priority::PATIENCE).into_inner(),
        4 * i64::from(limit) + AHEAD,
        i64::from(request.bounds.of_one_owner),
    )
    .fetch_all(executor)
    .await?;
    Ok(Found {
        turns_are_missing: rows.iter().any(|row| row.are_missing),
        jobs: rows.into_iter().filter_map(ClaimRow::job).collect(),
    })
}

/// Makes leases hold until then; answers those that do not hold any more. One that has run out, but
/// that nobody took over, holds again.
pub(super) async fn extend(
    pool: &Pool,
    leases: &[Lease],
    until: Timestamp,
) -> sqlx::Result<Vec<Lease>> {
    let ids: Vec<Uuid> = leases.iter().map(|lease| lease.job.0).collect();
    let attempts: Vec<i32> = leases
        .iter()
        .map(|lease| int(lease.attempt))
        .collect::<sqlx::Result<_>>()?;
    let held = sqlx::query!(
        r#"update jobs set lease_until = $3
        from unnest($1::uuid[], $2::integer[]) as lease (id, attempt)
        where jobs.id = lease.id and jobs.attempt = lease.attempt and jobs.state = 'running'
        returning jobs.id, jobs.attempt"#,
        &ids,
        &attempts,
        until.into_inner(),
    )
    .fetch_all(pool)
    .await?;
    let held: HashSet<(Uuid, i32)> = held.into_iter().map(|row| (row.id, row.attempt)).collect();
    let asked = ids.into_iter().zip(attempts);
    let lost = asked.zip(leases).filter(|(asked, _)| !held.contains(asked));
    Ok(lost.map(|(_, lease)| *lease).collect())
}
