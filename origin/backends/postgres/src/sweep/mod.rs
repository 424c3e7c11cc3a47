mod identity;
mod loose;
mod over;
mod prune;

use std::collections::HashMap;

use async_trait::async_trait;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::UploadState;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{LooseScan, Prunable, SweepStore};
use uuid::Uuid;

use crate::columns;
use crate::database::Database;

pub(crate) struct PgSweep(pub(crate) Database);

#[async_trait]
impl SweepStore for PgSweep {
    async fn expire_tickets(
        &self,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<UploadId>, PortError> {
        let query = sqlx::query_scalar!(
            "with due as (
                select id from uploads where state = 'ticketed' and expires_at <= $1
                order by expires_at limit $2
                for update skip locked
            )
            update uploads set state = 'expired', revision = revision + 1
            from due where uploads.id = due.id
            returning uploads.id",
            until.into_inner(),
            i64::from(limit),
        );
        let ids = self.0.run(query.fetch_all(&self.0.pool)).await?;
        Ok(ids.into_iter().map(UploadId).collect())
    }

    async fn find_loose(
        &self,
        after: Option<UploadId>,
        received_until: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<LooseScan, PortError> {
        let found = loose::find(&self.0.pool, after, received_until, now, limit);
        self.0.run(found).await
    }

    async fn expire_loose(
        &self,
        loose_until: Timestamp,
        failed_until: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<UploadId>, PortError> {
        let expired = loose::expire(&self.0.pool, loose_until, failed_until, now, limit);
        self.0.run(expired).await
    }

    async fn over(&self, again_until: Timestamp, limit: u32) -> Result<Vec<UploadId>, PortError> {
        self.0
            .run(over::list(&self.0.pool, again_until, limit))
            .await
    }

    async fn note_swept(
        &self,
        ids: &[UploadId],
        again_until: Timestamp,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let noted = over::note(&self.0.pool, ids, again_until, now);
        self.0.run(noted).await
    }

    async fn states(&self, ids: &[UploadId]) -> Result<HashMap<UploadId, UploadState>, PortError> {
        let ids = uuids(ids);
        let query = sqlx::query!("select id, state from uploads where id = any($1)", &ids);
        self.0
            .run(async {
                let rows = query.fetch_all(&self.0.pool).await?;
                rows.into_iter()
                    .map(|row| Ok((UploadId(row.id), columns::upload_state(&row.state)?)))
                    .collect()
            })
            .await
    }

    async fn position(&self, walk: &str) -> Result<Option<String>, PortError> {
        let query =
            sqlx::query_scalar!("select position from sweep_positions where walk = $1", walk);
        self.0.run(query.fetch_optional(&self.0.pool)).await
    }

    async fn set_position(&self, walk: &str, position: Option<&str>) -> Result<(), PortError> {
        let Some(position) = position else {
            let query = sqlx::query!("delete from sweep_positions where walk = $1", walk);
            return self.0.run(query.execute(&self.0.pool)).await.map(drop);
        };
        let query = sqlx::query!(
            "insert into sweep_positions (walk, position) values ($1, $2)
            on conflict (walk) do update set position = excluded.position",
            walk,
            position,
        );
        self.0.run(query.execute(&self.0.pool)).await.map(drop)
    }

    async fn identity(&self) -> Result<Option<Uuid>, PortError> {
        self.0.run(identity::find(&self.0.pool)).await
    }

    async fn note_identity(&self, proposed: Uuid) -> Result<Uuid, PortError> {
        self.0.run(identity::note(&self.0.pool, proposed)).await
    }

    async fn prune(&self, what: Prunable, until: Timestamp, limit: u32) -> Result<u64, PortError> {
        self.0
            .run(prune::prune(&self.0.pool, what, until, limit))
            .await
    }
}

fn uuids(ids: &[UploadId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.0).collect()
}
