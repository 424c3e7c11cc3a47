use sluicegate_contract::ids::AccountId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::JobState;
use sluicegate_core::ports::{Delivered, Delivery, DeliveryRequest, ForeignJob};
use sqlx::PgConnection;

use crate::columns::{int, job_state};
use crate::jobs::claim::LeasedRow;
use crate::jobs::rate::Budget;
use crate::pool::Pool;

/// Whoever delivers a job that nobody has may have it, also one that is ready and was never seen as handed over: a relay
/// may have died in between.
pub(super) async fn lease(
    pool: &Pool,
    request: &DeliveryRequest<'_>,
    now: Timestamp,
) -> sqlx::Result<Delivered> {
    let Some(rate) = request.bounds.rate else {
        return begin(&mut *pool.acquire().await?, request, now).await;
    };
    if request.delivery == Delivery::Burial || is_paid_for(pool, request).await? {
        return begin(&mut *pool.acquire().await?, request, now).await;
    }
    let mut transaction = pool.begin().await?;
    let mut budget = Budget::hold(&mut transaction, request.queue, rate, now).await?;
    if budget.places(now) == 0 {
        let next = budget.next(now);
        // What was mended of the rate stays.
        transaction.commit().await?;
        return Ok(Delivered::Held(next));
    }
    let delivered = begin(&mut transaction, request, now).await?;
    if matches!(delivered, Delivered::Leased(_)) {
        budget.spend(&mut transaction, 1, now).await?;
    }
    transaction.commit().await?;
    Ok(delivered)
}

/// Whether the relay paid for it: it handed the job over, and this is the first time that it begins since.
async fn is_paid_for(pool: &Pool, request: &DeliveryRequest<'_>) -> sqlx::Result<bool> {
    let paid = sqlx::query_scalar!(
        r#"select (attempts_used = 0 and relayed_as is null) as "paid!" from jobs
        where id = $1 and queue = $2"#,
        request.job.0,
        request.queue,
    );
    // One without a row begins nothing.
    Ok(paid.fetch_optional(pool).await?.unwrap_or(true))
}

async fn begin(
    connection: &mut PgConnection,
    request: &DeliveryRequest<'_>,
    now: Timestamp,
) -> sqlx::Result<Delivered> {
    let leased = sqlx::query_as!(
        LeasedRow,
        r#"update jobs set
            state = 'running', attempt = attempt + 1,
            attempts_used = case
                when $6 then max_attempts + 1
                when state = 'dead' then 1
                else attempts_used + 1
            end,
            lease_until = $4, worker = $5, settled_at = null,
            relayed_at = coalesce(relayed_at, $3), checked_at = $3
        where id = $1 and queue = $2 and (
            state in ('ready', 'relayed')
            or (state = 'running' and lease_until <= $3)
            or (state = 'dead' and $7 and not exists (
                select from jobs as open
                where open.queue = jobs.queue and open.dedup_key = jobs.dedup_key
                    and open.state in ('ready', 'running', 'relayed')
            ))
        ) and ($6 or not exists (
            select from job_queues where queue = $2 and paused_at is not null
        )) and (
            $6 or owner_id = '00000000-0000-0000-0000-000000000000' or $8 > (
                select count(*) from jobs as others
                where others.queue = $2 and others.state = 'running' and others.worker = $5
                    and others.owner_id = jobs.owner_id and others.id <> jobs.id
            )
        )
        returning id, attempt, attempts_used, queue, name, payload, owner_id, max_attempts,
            traceparent, created_at"#,
        request.job.0,
        request.queue,
        now.into_inner(),
        now.plus(request.lease).into_inner(),
        request.worker,
        request.delivery == Delivery::Burial,
        request.delivery == Delivery::Again,
        i64::from(request.bounds.of_one_owner),
    )
    .fetch_optional(&mut *connection)
    .await?;
    match leased {
        Some(row) => Ok(Delivered::Leased(Box::new(row.read()?))),
        None => refused(connection, request, now).await,
    }
}

/// Why it could not be leased. The row, or those beside it, may have changed meanwhile.
async fn refused(
    connection: &mut PgConnection,
    request: &DeliveryRequest<'_>,
    now: Timestamp,
) -> sqlx::Result<Delivered> {
    let row = sqlx::query!(
        r#"select state, lease_until, owner_id, exists (
            select from job_queues where queue = $2 and paused_at is not null
        ) as "paused!", exists (
            select from jobs as open
            where open.queue = jobs.queue and open.dedup_key = jobs.dedup_key
                and open.state in ('ready', 'running', 'relayed')
        ) as "another!", (
            jobs.owner_id <> '00000000-0000-0000-0000-000000000000' and $4 <= (
                select count(*) from jobs as others
                where others.queue = $2 and others.state = 'running' and others.worker = $3
                    and others.owner_id = jobs.owner_id and others.id <> jobs.id
            )
        ) as "at_share!"
        from jobs where id = $1 and queue = $2"#,
        request.job.0,
        request.queue,
        request.worker,
        i64::from(request.bounds.of_one_owner),
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else {
        return Ok(Delivered::Unknown);
    };
    let until = row.lease_until.map_or(now, Timestamp::from);
    Ok(match job_state(&row.state)? {
        JobState::Done => Delivered::Done,
        JobState::Dead if request.delivery != Delivery::Again => Delivered::Dead,
        JobState::Dead if row.another && !row.paused => Delivered::Dead,
        JobState::Running if until > now => Delivered::Busy(until),
        JobState::Dead | JobState::Ready | JobState::Running | JobState::Relayed => {
            if row.paused {
                Delivered::Held(now)
            } else if row.at_share {
                Delivered::AtShare(AccountId(row.owner_id))
            } else {
                Delivered::Changed
            }
        }
    })
}

pub(super) async fn adopt(pool: &Pool, job: &ForeignJob, now: Timestamp) -> sqlx::Result<bool> {
    let owned = sqlx::query_scalar!(
        r#"with owner as (
            select id from accounts where id = $5
        ), added as (
            insert into jobs (id, queue, name, payload, owner_id, state, run_at, max_attempts,
                created_at, relayed_at, checked_at, relayed_as)
            select $1, $2, $3, $4, owner.id, 'relayed', $8, $6, $7, $8, $8, $9 from owner
            on conflict (id) do nothing
        )
        select exists (select from owner) as "owned!""#,
        job.id.0,
        job.queue,
        job.name,
        job.payload,
        job.owner.0,
        int(job.max_attempts)?,
        job.created_at.into_inner(),
        now.into_inner(),
        job.relayed_as,
    );
    owned.fetch_one(pool).await
}
