use async_trait::async_trait;
use serde_json::Value;
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::fair::{Ahead, Priority};
use sluicegate_core::ports::{HandOver, ReadyJob, Take, TakeRequest};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::columns::{priority, unsigned};
use crate::database::Database;
use crate::jobs::rate::Budget;
use crate::jobs::turns;
use crate::pool::Transaction;

/// What is looked at beyond what is taken: other relays may hold the first rows, or their owners have their share.
const AHEAD: i64 = 64;

/// The rows are locked by a transaction of their own until they are handed over: a relay that dies gives them back
/// with its connection, and no row says that it was handed over before it was.
struct Taken {
    database: Database,
    transaction: Transaction,
    jobs: Vec<ReadyJob>,
}

#[async_trait]
impl HandOver for Taken {
    fn jobs(&self) -> &[ReadyJob] {
        &self.jobs
    }

    async fn confirm(self: Box<Self>, now: Timestamp) -> Result<(), PortError> {
        let Self {
            database,
            mut transaction,
            jobs,
        } = *self;
        let ids: Vec<Uuid> = jobs.iter().map(|job| job.id.0).collect();
        let confirmed = async {
            sqlx::query!(
                "update jobs set state = 'relayed', relayed_at = $2, checked_at = $2,
                    relayed_as = null
                where id = any($1) and state = 'ready'",
                &ids,
                now.into_inner(),
            )
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await
        };
        database.run(confirmed).await
    }
}

pub(super) async fn take(
    database: &Database,
    request: &TakeRequest<'_>,
    now: Timestamp,
) -> Result<Take, PortError> {
    let taken = async {
        // Committed before rows are locked: what gets a turn here is not kept from other relays.
        turns::give(&database.pool, request.queue, now).await?;
        let mut transaction = database.pool.begin().await?;
        let jobs = within_rate(&mut transaction, request, now).await?;
        if !jobs.is_empty() {
            return Ok(Ok((transaction, jobs)));
        }
        let held_back = is_held_back(&mut transaction, request.queue, now).await?;
        // What was mended of the rate stays.
        transaction.commit().await?;
        Ok(Err(held_back))
    };
    Ok(match database.run(taken).await? {
        Ok((transaction, jobs)) => Take::Jobs(Box::new(Taken {
            database: database.clone(),
            transaction,
            jobs,
        })),
        Err(true) => Take::HeldBack,
        Err(false) => Take::Nothing,
    })
}

/// What is paid for counts once it was handed over, with the transaction. What has begun before pays when it begins again,
/// whoever hands it over.
async fn within_rate(
    connection: &mut PgConnection,
    request: &TakeRequest<'_>,
    now: Timestamp,
) -> sqlx::Result<Vec<ReadyJob>> {
    let Some(rate) = request.rate else {
        return Ok(lock(connection, request, request.limit, now).await?.jobs);
    };
    let mut budget = Budget::hold(connection, request.queue, rate, now).await?;
    let limit = request.limit.min(budget.places(now));
    let locked = lock(connection, request, limit, now).await?;
    if locked.first > 0 {
        budget.spend(connection, locked.first, now).await?;
    }
    Ok(locked.jobs)
}

/// What is to be handed over, and how many of it have never begun.
struct Locked {
    jobs: Vec<ReadyJob>,
    first: usize,
}

struct LockedRow {
    id: Uuid,
    name: String,
    payload: Value,
    priority: i16,
    run_at: OffsetDateTime,
    max_attempts: i32,
    attempt: i32,
    is_first: bool,
}

impl LockedRow {
    fn read(self) -> sqlx::Result<ReadyJob> {
        Ok(ReadyJob {
            id: JobId(self.id),
            name: self.name,
            payload: self.payload,
            priority: priority(self.priority)?,
            run_at: self.run_at.into(),
            max_attempts: unsigned(self.max_attempts)?,
            attempts: unsigned(self.attempt)?,
        })
    }
}

/// Which rows are chosen of those that are ready. The window keeps the choice in the table for as long as it can be made
/// well; what waits there of one owner is what drains soon, so that others' jobs are near the front of that queue, which knows no
/// owners. What failed there is looked at by itself, or a flood of it would hide what fills the window. Nothing here grows with
/// what waits; see the claim.
async fn lock(
    connection: &mut PgConnection,
    request: &TakeRequest<'_>,
    limit: u32,
    now: Timestamp,
) -> sqlx::Result<Locked> {
    let rows = sqlx::query_as!(
        LockedRow,
        r#"with first as materialized (
            select owner_id, priority from jobs
            where queue = $1 and state = 'relayed' and attempts_used = 0 and run_at <= $2
            limit $4
        ), again as materialized (
            select owner_id, priority from jobs
            where queue = $1 and state = 'relayed' and attempts_used > 0 and run_at <= $2
            limit $4
        ), runs as materialized (
            select priority from jobs where queue = $1 and state = 'running' limit $4
        ), there as materialized (
            select priority from first
            union select priority from again
            union select priority from runs
        ), room as materialized (
            select case when exists (
                select from job_queues where queue = $1 and paused_at is not null
            ) then 0 else least($3, greatest($4
                - (select count(*) from first) - (select count(*) from runs), 0
            )) end as places
        ), ahead as materialized (
            select owner_id, count(*) as jobs from (
                select owner_id from first union all select owner_id from again
            ) as waits
            group by owner_id
        ), lately as materialized (
            select owner_id, count(*) as jobs from (
                select owner_id from jobs
                where queue = $1 and state = 'done' and settled_at > $9
                order by settled_at desc limit $4
            ) as done
            group by owner_id
        ), waiting as materialized (
            select head.id, head.owner_id, head.priority, head.turn,
                head.priority > 0 and head.place = 1 and head.run_at <= $5
                    and not exists (
                        select from there where there.priority = head.priority
                    ) as owed
            from room
            cross join unnest(array[0, 1, 2]::smallint[]) as level (priority)
            cross join lateral (
                select id, owner_id, priority, turn, run_at,
                    row_number() over (order by turn, id) as place
                from jobs
                where queue = $1 and priority = level.priority and state = 'ready'
                    and turn is not null and run_at <= $2
                order by turn, id limit $6
            ) as head
            where room.places > 0
        ), counted as materialized (
            select *, row_number() over (
                partition by owner_id order by owed desc, priority, turn, id
            ) as nth
            from waiting
        )
        select free.id, free.name, free.payload, free.priority, free.run_at, free.max_attempts,
            free.attempt, free.attempts_used = 0 as "is_first!"
        from (
            select counted.id from counted
            left join ahead on ahead.owner_id = counted.owner_id
            left join lately on lately.owner_id = counted.owner_id
            where counted.nth + coalesce(ahead.jobs, 0)
                    <= greatest($7, least($8, coalesce(lately.jobs, 0)))
                or counted.owner_id = '00000000-0000-0000-0000-000000000000'
            order by owed desc, priority, turn, counted.id
        ) as candidate
        cross join lateral (
            select id, name, payload, priority, run_at, max_attempts, attempt, attempts_used
            from jobs where jobs.id = candidate.id and state = 'ready' and turn is not null
                and run_at <= $2
            for update skip locked
        ) as free
        limit (select places from room)"#,
        request.queue,
        now.into_inner(),
        i64::from(limit),
        i64::from(request.window),
        now.minus(Priority::PATIENCE).into_inner(),
        4 * i64::from(limit) + AHEAD,
        i64::from(request.ahead.least),
        i64::from(request.ahead.most),
        now.minus(Ahead::SPAN).into_inner(),
    )
    .fetch_all(connection)
    .await?;
    let first = rows.iter().filter(|row| row.is_first).count();
    let jobs = rows.into_iter().map(LockedRow::read);
    let jobs = jobs.collect::<sqlx::Result<_>>()?;
    Ok(Locked { jobs, first })
}

/// Whether jobs are ready that could not be taken. Of a paused queue none can be for long.
async fn is_held_back(
    connection: &mut PgConnection,
    queue: &str,
    now: Timestamp,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (
            select from jobs where queue = $1 and state = 'ready' and run_at <= $2
        ) and not exists (
            select from job_queues where queue = $1 and paused_at is not null
        ) as "held_back!""#,
        queue,
        now.into_inner(),
    )
    .fetch_one(connection)
    .await
}
