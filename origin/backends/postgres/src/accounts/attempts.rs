use sluicegate_contract::time::Timestamp;

use crate::columns::unsigned_long;
use crate::pool::Pool;

/// The newest so many attempts under a key are kept, so a count never exceeds it.
const KEPT: i64 = 1_000;

/// Counts one attempt. One row a key: of attempts that come at once each waits for the one before and
/// counts it. Also forgets a few keys that nobody used for a day, so that the table stays small.
pub(super) async fn count(
    pool: &Pool,
    key: &str,
    now: Timestamp,
    since: Timestamp,
) -> sqlx::Result<u64> {
    let count = sqlx::query_scalar!(
        r#"with forgotten as (
            delete from attempts where key in (
                select key from attempts
                where last_at < least($3, $2::timestamptz - interval '1 day') and key <> $1
                order by last_at limit 4
                for update skip locked
            )
        )
        insert into attempts (key, at, last_at) values ($1, array[$2::timestamptz], $2)
        on conflict (key) do update set
            last_at = $2,
            at = $2 || array(
                select t from unnest(attempts.at) t where t >= $3 order by t desc limit $4::bigint - 1
            )
        returning cardinality(at)::bigint as "count!""#,
        key,
        now.into_inner(),
        since.into_inner(),
        KEPT,
    )
    .fetch_one(pool)
    .await?;
    unsigned_long(count)
}

pub(super) async fn forget(pool: &Pool, key: &str) -> sqlx::Result<()> {
    sqlx::query!("delete from attempts where key = $1", key)
        .execute(pool)
        .await
        .map(drop)
}
