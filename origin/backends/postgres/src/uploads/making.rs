use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::UploadState;
use sluicegate_core::upload::{Derivative, Maker, MakingClaim, Upload};

use super::row::{DerivativeColumns, UploadRow, upload_query};

use crate::pool::Pool;

/// Held for the few milliseconds in which a capped claim is counted and made ("making" in ASCII).
const CAP_LOCK: i64 = 0x6d61_6b69_6e67;

/// A worker's claim. It also takes what had failed: that is how a replayed job tries again. The reason stays in
/// the row until the picture is made: by it a claim that is given back leaves the upload as it was.
pub(super) async fn claim(
    pool: &Pool,
    maker: &Maker,
    now: Timestamp,
    until: Timestamp,
) -> sqlx::Result<MakingClaim> {
    let row = upload_query!(
        "update uploads set state = 'processing', making_until = $3, making_token = $4,
            making_capped = false, revision = revision + 1
        where id = $1 and (
            state in ('received', 'failed') or (state = 'processing' and making_until <= $2)
        )
        returning *",
        maker.upload.0,
        now.into_inner(),
        until.into_inner(),
        maker.token,
    )
    .fetch_optional(pool)
    .await?;
    match row {
        Some(row) => row.read().map(MakingClaim::Claimed),
        None => Ok(unclaimed(super::find(pool, maker.upload).await?)),
    }
}

/// A request's claim. The cap holds across replicas, so claims must not count at the same time: each
/// would miss the others, which are not committed yet. An advisory lock of the transaction makes them
/// take turns; it ends with the transaction, also behind a pooler. The look before it keeps all calls
/// that have nothing to claim away from the lock.
pub(super) async fn claim_capped(
    pool: &Pool,
    maker: &Maker,
    now: Timestamp,
    until: Timestamp,
    cap: u32,
) -> sqlx::Result<MakingClaim> {
    let claimable = sqlx::query_scalar!(
        r#"select exists (
            select from uploads where id = $1 and (
                state = 'received' or (state = 'processing' and making_until <= $2)
            )
        ) as "claimable!""#,
        maker.upload.0,
        now.into_inner(),
    )
    .fetch_one(pool)
    .await?;
    if !claimable {
        return Ok(unclaimed(super::find(pool, maker.upload).await?));
    }
    let mut transaction = pool.begin().await?;
    sqlx::query!("select pg_advisory_xact_lock($1)", CAP_LOCK)
        .fetch_one(&mut *transaction)
        .await?;
    let live = sqlx::query_scalar!(
        r#"select count(*) as "live!" from uploads
        where state = 'processing' and making_capped and making_until > $1"#,
        now.into_inner(),
    )
    .fetch_one(&mut *transaction)
    .await?;
    if live >= i64::from(cap) {
        return Ok(MakingClaim::Full);
    }
    let row = upload_query!(
        "update uploads set state = 'processing', making_until = $3, making_token = $4,
            making_capped = true, revision = revision + 1
        where id = $1 and (
            state = 'received' or (state = 'processing' and making_until <= $2)
        )
        returning *",
        maker.upload.0,
        now.into_inner(),
        until.into_inner(),
        maker.token,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    match row {
        Some(row) => row.read().map(MakingClaim::Claimed),
        None => Ok(unclaimed(super::find(pool, maker.upload).await?)),
    }
}

/// What to answer where there was nothing to claim. `received` is seen here only if somebody gave a
/// claim back in between; asking again soon is right then, too.
fn unclaimed(upload: Option<Upload>) -> MakingClaim {
    match upload {
        None => MakingClaim::Unknown,
        Some(upload) => match upload.state {
            UploadState::Received | UploadState::Processing => MakingClaim::Busy,
            _ => MakingClaim::Settled(upload),
        },
    }
}

pub(super) async fn finish(
    pool: &Pool,
    maker: &Maker,
    derivative: &Derivative,
    now: Timestamp,
) -> sqlx::Result<Option<Upload>> {
    let made = DerivativeColumns::new(derivative)?;
    let row = upload_query!(
        "update uploads set state = 'ready', ready_at = $2, making_until = null,
            making_capped = false, reason = null,
            sha256 = $3, length = $4, width = $5, height = $6, blurhash = $7, perceptual_hash = $8,
            source_sha256 = $9, revision = revision + 1
        where id = $1 and making_token = $10 and state = 'processing'
        returning *",
        maker.upload.0,
        now.into_inner(),
        made.sha256,
        made.length,
        made.width,
        made.height,
        made.blurhash,
        made.perceptual_hash,
        made.source_sha256,
        maker.token,
    )
    .fetch_optional(pool)
    .await?;
    match row {
        Some(row) => row.read().map(Some),
        None => super::find(pool, maker.upload).await,
    }
}

/// No new revision: nobody is told of it.
pub(super) async fn extend(pool: &Pool, maker: &Maker, until: Timestamp) -> sqlx::Result<bool> {
    let extended = sqlx::query!(
        "update uploads set making_until = $3
        where id = $1 and making_token = $2 and state = 'processing'",
        maker.upload.0,
        maker.token,
        until.into_inner(),
    )
    .execute(pool)
    .await?;
    Ok(extended.rows_affected() > 0)
}

pub(super) async fn release(pool: &Pool, maker: &Maker) -> sqlx::Result<()> {
    sqlx::query!(
        "update uploads set
            state = case when reason is null then 'received' else 'failed' end,
            making_until = null, making_capped = false, revision = revision + 1
        where id = $1 and making_token = $2 and state = 'processing'",
        maker.upload.0,
        maker.token,
    )
    .execute(pool)
    .await
    .map(drop)
}
