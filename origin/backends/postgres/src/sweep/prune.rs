use sluicegate_contract::time::Timestamp;
use sluicegate_core::ports::Prunable;
use sqlx::postgres::PgQueryResult;

use crate::pool::Pool;

/// Deletes rows of one table by an index of their age. Rows that somebody holds are left for the next time.
macro_rules! delete_oldest {
    ($pool:expr, $until:expr, $limit:expr, $table:literal, $age:literal, $which:literal) => {
        sqlx::query!(
            "delete from "
                + $table
                + " where ctid = any(array(
                select ctid from "
                + $table
                + " where "
                + $which
                + " and "
                + $age
                + " <= $1
                order by "
                + $age
                + " limit $2
                for update skip locked
            ))",
            $until,
            $limit,
        )
        .execute($pool)
        .await
    };
}

pub(super) async fn prune(
    pool: &Pool,
    what: Prunable,
    until: Timestamp,
    limit: u32,
) -> sqlx::Result<u64> {
    let (until, limit) = (until.into_inner(), i64::from(limit));
    let deleted: PgQueryResult = match what {
        Prunable::DoneJobs => {
            delete_oldest!(pool, until, limit, "jobs", "settled_at", "state = 'done'")?
        }
        Prunable::DeadJobs => {
            delete_oldest!(pool, until, limit, "jobs", "settled_at", "state = 'dead'")?
        }
        Prunable::Attempts => delete_oldest!(pool, until, limit, "attempts", "last_at", "true")?,
        Prunable::RefreshTokens => delete_oldest!(
            pool,
            until,
            limit,
            "refresh_tokens",
            "used_at",
            "used_at is not null"
        )?,
        Prunable::Sessions => delete_oldest!(
            pool,
            until,
            limit,
            "sessions",
            "least(ended_at, expires_at)",
            "true"
        )?,
        Prunable::UploadKeys => {
            delete_oldest!(pool, until, limit, "upload_keys", "expires_at", "true")?
        }
        Prunable::StoredAnswers => {
            delete_oldest!(pool, until, limit, "stored_answers", "expires_at", "true")?
        }
        // Nothing shows an upload that is over. Should something all the same, the row stays.
        Prunable::Uploads => delete_oldest!(
            pool,
            until,
            limit,
            "uploads",
            "swept_at",
            "sweeps >= 2 and state in ('expired', 'rejected')
                and not exists (select from accounts where avatar_upload_id = uploads.id)
                and not exists (select from accounts where profile_header_upload_id = uploads.id)
                and not exists (select from posts where header_upload_id = uploads.id)"
        )?,
        Prunable::Devices => delete_oldest!(pool, until, limit, "devices", "last_used_at", "true")?,
        Prunable::RoleChanges => delete_oldest!(pool, until, limit, "role_changes", "at", "true")?,
    };
    Ok(deleted.rows_affected())
}
