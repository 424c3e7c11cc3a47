use async_trait::async_trait;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::SigningKeyStore;
use sluicegate_core::session::SigningKey;

use crate::database::Database;

pub(crate) struct PgSigningKeys(pub(crate) Database);

#[async_trait]
impl SigningKeyStore for PgSigningKeys {
    async fn keys(&self) -> Result<Vec<SigningKey>, PortError> {
        let query = sqlx::query!(
            "select id, secret, created_at from signing_keys order by created_at desc, id desc"
        );
        let rows = self.0.run(query.fetch_all(&self.0.pool)).await?;
        let key = |id, secret, created_at: time::OffsetDateTime| SigningKey {
            id,
            secret,
            created_at: created_at.into(),
        };
        Ok(rows
            .into_iter()
            .map(|row| key(row.id, row.secret, row.created_at))
            .collect())
    }

    async fn add_first(&self, key: &SigningKey) -> Result<(), PortError> {
        // The unique index on `is_first` holds where two replicas both see an empty table.
        let query = sqlx::query!(
            "insert into signing_keys (id, secret, created_at, is_first)
            select $1, $2, $3, true where not exists (select from signing_keys)
            on conflict do nothing",
            key.id,
            key.secret,
            key.created_at.into_inner(),
        );
        self.0.run(query.execute(&self.0.pool)).await.map(drop)
    }
}
