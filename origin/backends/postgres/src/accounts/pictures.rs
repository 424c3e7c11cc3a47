use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_core::account::PictureSlot;

use super::row::{AccountRow, account_query};

use crate::pool::Pool;

/// The lock makes this and a removal take turns: the one that comes second sees what the first did.
/// Both lock the upload before the account, so they cannot wait for each other. What was loose is so no longer: its time
/// begins anew when it is let go, even if no sweep came by meanwhile.
macro_rules! set_query {
    ($column:literal, $id:expr, $purpose:expr, $upload:expr) => {
        account_query!(
            with "usable as materialized (
                select id from uploads
                where id = $3 and owner_id = $1 and purpose = $2
                    and state in ('received', 'processing', 'ready') and moderation <> 'removed'
                for no key update
            ), kept as (
                update uploads set loose_at = null
                from usable where uploads.id = usable.id and loose_at is not null
            ), ";
            "update accounts set " $column " = usable.id
            from usable where accounts.id = $1
            returning accounts.*",
            $id,
            $purpose,
            $upload,
        )
    };
}

pub(super) async fn set(
    pool: &Pool,
    id: AccountId,
    slot: PictureSlot,
    upload: UploadId,
) -> sqlx::Result<Option<AccountRow>> {
    let purpose = slot.purpose().as_str();
    match slot {
        PictureSlot::Avatar => {
            set_query!("avatar_upload_id", id.0, purpose, upload.0)
                .fetch_optional(pool)
                .await
        }
        PictureSlot::ProfileHeader => {
            set_query!("profile_header_upload_id", id.0, purpose, upload.0)
                .fetch_optional(pool)
                .await
        }
    }
}

pub(super) async fn clear(
    pool: &Pool,
    id: AccountId,
    slot: PictureSlot,
) -> sqlx::Result<Option<AccountRow>> {
    match slot {
        PictureSlot::Avatar => {
            account_query!(
                "update accounts set avatar_upload_id = null where id = $1 returning *",
                id.0
            )
            .fetch_optional(pool)
            .await
        }
        PictureSlot::ProfileHeader => {
            account_query!(
                "update accounts set profile_header_upload_id = null where id = $1 returning *",
                id.0
            )
            .fetch_optional(pool)
            .await
        }
    }
}
