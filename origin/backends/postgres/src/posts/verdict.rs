use sluicegate_contract::ids::PostId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::{Lease, LeaseLost};
use sluicegate_core::moderation::Record;

use crate::columns::verdict;
use crate::jobs::settle;
use crate::pool::Pool;

/// The job is settled first: with a lost lease nothing else happens. A removal, and what a person gave
/// back, stand: a check that runs twice never overrules them.
pub(super) async fn apply(
    pool: &Pool,
    id: PostId,
    record: &Record,
    lease: Option<&Lease>,
    now: Timestamp,
) -> sqlx::Result<Result<(), LeaseLost>> {
    let mut transaction = pool.begin().await?;
    if let Some(lease) = lease
        && !settle::done(&mut transaction, lease, now).await?
    {
        return Ok(Err(LeaseLost(*lease)));
    }
    sqlx::query!(
        "with p as (
            update posts set moderation = $2, moderated_at = $3
            where id = $1
                and (moderation = 'unreviewed' or (moderation = 'passed' and $2 = 'removed'))
            returning id, author_id
        )
        insert into moderation_records (id, post_id, owner_id, source, stage, outcome, reason,
            confidence, scores, created_at)
        select $4, p.id, p.author_id, $5, $6, $2, $7, $8, $9, $10 from p",
        id.0,
        verdict(record.outcome).as_str(),
        now.into_inner(),
        record.id,
        record.source,
        record.stage,
        record.reason,
        record.confidence,
        record.scores,
        record.created_at.into_inner(),
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Ok(()))
}
