use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::post::{Post, PostCursor};
use uuid::Uuid;

use super::row::{PostRow, post_query};

use crate::pool::Pool;

pub(super) async fn find(pool: &Pool, id: PostId) -> sqlx::Result<Option<Post>> {
    post_query!(
        "p as (
            select * from posts where id = $1 and deleted_at is null and moderation <> 'removed'
                and (
                    select author.delete_after is null from accounts author
                    where author.id = posts.author_id
                )
        )",
        id.0,
    )
    .fetch_optional(pool)
    .await?
    .map(PostRow::read)
    .transpose()
}

/// The first page begins below the highest UUID: one plan, and the index is entered at the cursor. Authors are looked
/// up row by row: as a join, the planner took a small table for a reason to read and sort all of it, and went on so
/// while it grew.
pub(super) async fn newest(
    pool: &Pool,
    author: Option<AccountId>,
    cursor: Option<PostCursor>,
    limit: u32,
) -> sqlx::Result<Vec<Post>> {
    let below = before(cursor.map(|cursor| cursor.before));
    let limit = i64::from(limit);
    let rows = match author {
        None => {
            post_query!(
                "p as materialized (
                    select * from posts
                    where id < $1 and deleted_at is null and moderation <> 'removed'
                        and (
                            select author.delete_after is null from accounts author
                            where author.id = posts.author_id
                        )
                    order by id desc limit $2
                )",
                below,
                limit,
            )
            .fetch_all(pool)
            .await?
        }
        Some(author) => {
            post_query!(
                "p as materialized (
                    select * from posts
                    where author_id = $3 and id < $1
                        and deleted_at is null and moderation <> 'removed'
                        and (
                            select author.delete_after is null from accounts author
                            where author.id = posts.author_id
                        )
                    order by id desc limit $2
                )",
                below,
                limit,
                author.0,
            )
            .fetch_all(pool)
            .await?
        }
    };
    rows.into_iter().map(PostRow::read).collect()
}

pub(super) async fn duplicate(
    pool: &Pool,
    author: AccountId,
    fingerprint: &[u8; 32],
    since: Timestamp,
    than: Option<PostId>,
) -> sqlx::Result<Option<PostId>> {
    let found = sqlx::query_scalar!(
        "select id from posts
        where author_id = $1 and fingerprint = $2 and created_at >= $3 and id < $4
            and deleted_at is null and moderation <> 'removed'
        order by id limit 1",
        author.0,
        fingerprint.as_slice(),
        since.into_inner(),
        before(than),
    )
    .fetch_optional(pool)
    .await?;
    Ok(found.map(PostId))
}

fn before(id: Option<PostId>) -> Uuid {
    id.map_or(Uuid::max(), |id| id.0)
}
