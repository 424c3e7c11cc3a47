//! What counts: towards an account's quotas, and towards the space for clients' files.

use sluicegate_contract::ids::AccountId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::quota::{Quota, Usage, WINDOW};
use sluicegate_core::upload::{NewUpload, Staged};
use sqlx::PgExecutor;

use crate::columns::{bigint, unsigned, unsigned_long};

/// A query on what counts of the owner `$1` at `$2`, with a window that began at `$3`. `ends` is when an open ticket
/// leaves the count, and null for what leaves it when it is a window old. A ticket that was given up is open for as
/// long as a client has its URL.
macro_rules! counted_query {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query!(
            "with counted as (
                select id, created_at, declared_length, state = 'ticketed' as is_open,
                    case state when 'ticketed' then expires_at end as ends
                from uploads
                where owner_id = $1 and created_at > $3 and state <> 'expired'
                    and (state <> 'ticketed' or expires_at > $2)
                union all
                select id, created_at, declared_length, true, put_until
                from uploads where owner_id = $1 and state = 'expired' and put_until > $2
            ) "
                + $rest,
            $($argument),*
        )
    };
}

pub(super) async fn usage(
    executor: impl PgExecutor<'_>,
    owner: AccountId,
    now: Timestamp,
) -> sqlx::Result<Usage> {
    let row = counted_query!(
        r#"select (count(*) filter (where is_open))::int as "open_tickets!",
            count(*)::int as "pictures!", coalesce(sum(declared_length), 0)::bigint as "bytes!"
        from counted"#,
        owner.0,
        now.into_inner(),
        now.minus(WINDOW).into_inner(),
    )
    .fetch_one(executor)
    .await?;
    Ok(Usage {
        open_tickets: unsigned(row.open_tickets)?,
        pictures: unsigned(row.pictures)?,
        bytes: unsigned_long(row.bytes)?,
    })
}

/// When so much of what is counted has left the count that the ticket fits: open tickets leave it when they
/// run out, all else when it is a window old. Beyond the window if the ticket alone is too large.
pub(super) async fn retry_at(
    executor: impl PgExecutor<'_>,
    upload: &NewUpload,
    quota: &Quota,
    usage: &Usage,
) -> sqlx::Result<Timestamp> {
    let now = upload.created_at;
    let row = counted_query!(
        ", leaving as (
            select id, declared_length, is_open,
                coalesce(ends, created_at + make_interval(secs => $10)) as leaves
            from counted
        ), gone as (
            select leaves, count(*) filter (where is_open) over earlier as open_tickets,
                count(*) over earlier as pictures, (sum(declared_length) over earlier)::bigint as bytes
            from leaving
            window earlier as (order by leaves, id rows unbounded preceding)
        )
        select min(leaves) as leaves from gone
        where $4 - open_tickets < $5 and $6 - pictures < $7 and $8 - bytes <= $9",
        upload.owner.0,
        now.into_inner(),
        now.minus(WINDOW).into_inner(),
        i64::from(usage.open_tickets),
        i64::from(quota.open_tickets),
        i64::from(usage.pictures),
        i64::from(quota.pictures),
        bigint(usage.bytes.saturating_add(upload.length))?,
        bigint(quota.bytes)?,
        WINDOW.as_secs_f64(),
    )
    .fetch_one(executor)
    .await?;
    Ok(row.leaves.map_or_else(|| now.plus(WINDOW), Into::into))
}

/// Of what is made or over, its URL can store the file again: the staged one was deleted.
pub(super) async fn staged(executor: impl PgExecutor<'_>, now: Timestamp) -> sqlx::Result<Staged> {
    let row = sqlx::query!(
        r#"with staged as (
            select declared_length, state = 'ticketed' and put_until is not null as is_promised
            from uploads where state in ('ticketed', 'received', 'processing', 'failed')
            union all
            select declared_length, state = 'expired'
            from uploads where put_until > $1 and state in ('ready', 'rejected', 'expired')
        )
        select coalesce(sum(declared_length), 0)::bigint as "bytes!",
            coalesce(sum(declared_length) filter (where is_promised), 0)::bigint as "promised!"
        from staged"#,
        now.into_inner(),
    )
    .fetch_one(executor)
    .await?;
    Ok(Staged {
        bytes: unsigned_long(row.bytes)?,
        promised: unsigned_long(row.promised)?,
    })
}
