use uuid::Uuid;

use crate::pool::Pool;

pub(super) async fn find(pool: &Pool) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!("select id from store_identity")
        .fetch_optional(pool)
        .await
}

/// Of those who come at once one writes; the others wait for its row and read it.
pub(super) async fn note(pool: &Pool, proposed: Uuid) -> sqlx::Result<Uuid> {
    sqlx::query_scalar!(
        "insert into store_identity (id) values ($1)
        on conflict (is_only) do update set id = store_identity.id
        returning id",
        proposed,
    )
    .fetch_one(pool)
    .await
}
