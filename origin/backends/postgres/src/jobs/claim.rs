use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::Value;
use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::{Lease, LeasedJob, Turn};
use sluicegate_core::ports::ClaimRequest;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::columns::{int, unsigned};

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

/// Jobs of lost workers first, then ready ones. Rows that another claim holds are skipped, never waited
/// for. The picks are materialised so that the planner cannot lock more rows than were asked for.
pub(super) async fn claim(
    pool: &PgPool,
    request: &ClaimRequest<'_>,
    now: Timestamp,
) -> sqlx::Result<Vec<LeasedJob>> {
    let rows = sqlx::query_as!(
        LeasedRow,
        r#"with lost as materialized (
            select id from jobs
            where queue = $1 and state = 'running' and lease_until <= $2
            order by lease_until limit $3
            for update skip locked
        ), ready as materialized (
            select id from jobs
            where queue = $1 and state = 'ready' and run_at <= $2
            order by run_at, id limit greatest($3 - (select count(*) from lost), 0)
            for update skip locked
        ), picked as (
            select id from lost union all select id from ready
        ), leased as (
            update jobs set
                state = 'running', attempt = attempt + 1, attempts_used = attempts_used + 1,
                lease_until = $4, worker = $5
            from picked
            where jobs.id = picked.id
            returning jobs.*
        )
        select id as "id!", attempt as "attempt!", attempts_used as "attempts_used!",
            queue as "queue!", name as "name!", payload as "payload!", owner_id as "owner_id!",
            max_attempts as "max_attempts!", traceparent, created_at as "created_at!"
        from leased order by run_at, id"#,
        request.queue,
        now.into_inner(),
        i64::from(request.limit),
        now.plus(request.lease).into_inner(),
        request.worker,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(LeasedRow::read).collect()
}

/// Makes leases hold until then; answers those that do not hold any more. One that has run out, but
/// that nobody took over, holds again.
pub(super) async fn extend(
    pool: &PgPool,
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
