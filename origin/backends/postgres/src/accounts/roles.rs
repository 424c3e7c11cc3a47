use sluicegate_contract::time::Timestamp;
use sluicegate_contract::token::Role;
use uuid::Uuid;

use crate::columns;
use crate::pool::Pool;

pub(super) async fn set(
    pool: &Pool,
    handle: &str,
    role: Role,
    record: Uuid,
    now: Timestamp,
) -> sqlx::Result<Option<Role>> {
    let before = sqlx::query_scalar!(
        r#"with found as (
            select id, role from accounts where handle = $1 for no key update
        ), changed as (
            update accounts set role = $2 from found
            where accounts.id = found.id and found.role <> $2
            returning accounts.id
        ), noted as (
            insert into role_changes (id, account_id, before, after, at)
            select $3, found.id, found.role, $2, $4 from found join changed on changed.id = found.id
        )
        select role as "role!" from found"#,
        handle,
        role.as_str(),
        record,
        now.into_inner(),
    )
    .fetch_optional(pool)
    .await?;
    before.as_deref().map(columns::role).transpose()
}
