use async_trait::async_trait;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::SigningKeyStore;
use sluicegate_core::session::SigningKey;

use crate::database::Database;

pub(crate) struct PgSigningKeys(pub(crate) Database);

#[async_trait]
impl SigningKeyStore for PgSigningKeys {
    async fn keys(&self) -> Result<Vec<SigningKey>, PortError> {
        let query = sqlx::query!(
            r#"select id, secret, created_at, coalesce(signs_from, created_at) as "signs_from!"
            from signing_keys order by coalesce(signs_from, created_at) desc, id desc"#
        );
        let rows = self.0.run(query.fetch_all(&self.0.pool)).await?;
        let keys = rows.into_iter().map(|row| SigningKey {
            id: row.id,
            secret: row.secret,
            created_at: row.created_at.into(),
            signs_from: row.signs_from.into(),
        });
        Ok(keys.collect())
    }

    async fn add_first(&self, key: &SigningKey) -> Result<(), PortError> {
        // The unique index on `is_first` holds where two replicas both see an empty table.
        let query = sqlx::query!(
            "insert into signing_keys (id, secret, created_at, signs_from, is_first)
            select $1, $2, $3, $4, true where not exists (select from signing_keys)
            on conflict do nothing",
            key.id,
            key.secret,
            key.created_at.into_inner(),
            key.signs_from.into_inner(),
        );
        self.0.run(query.execute(&self.0.pool)).await.map(drop)
    }

    async fn add(&self, key: &SigningKey, now: Timestamp) -> Result<bool, PortError> {
        let query = sqlx::query!(
            "insert into signing_keys (id, secret, created_at, signs_from)
            select $1, $2, $3, $4
            where not exists (select from signing_keys where signs_from > $5)
            on conflict (id) do nothing",
            key.id,
            key.secret,
            key.created_at.into_inner(),
            key.signs_from.into_inner(),
            now.into_inner(),
        );
        let added = self.0.run(query.execute(&self.0.pool)).await?;
        Ok(added.rows_affected() > 0)
    }

    async fn delete(&self, ids: &[String]) -> Result<(), PortError> {
        let query = sqlx::query!("delete from signing_keys where id = any($1)", ids);
        self.0.run(query.execute(&self.0.pool)).await.map(drop)
    }
}
