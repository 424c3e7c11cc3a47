use async_trait::async_trait;
use sluicegate_contract::ids::UploadId;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{AuditStore, AuditedUpload};

use crate::columns;
use crate::database::Database;

pub(crate) struct PgAudit(pub(crate) Database);

struct Row {
    id: uuid::Uuid,
    state: String,
    moderation: String,
}

impl Row {
    fn read(self) -> sqlx::Result<AuditedUpload> {
        Ok(AuditedUpload {
            id: UploadId(self.id),
            state: columns::upload_state(&self.state)?,
            moderation: columns::moderation(&self.moderation)?,
        })
    }
}

#[async_trait]
impl AuditStore for PgAudit {
    async fn uploads(
        &self,
        after: Option<UploadId>,
        limit: u32,
    ) -> Result<Vec<AuditedUpload>, PortError> {
        let query = sqlx::query_as!(
            Row,
            "select id, state, moderation from uploads where id > $1 order by id limit $2",
            after.map_or(uuid::Uuid::nil(), |id| id.0),
            i64::from(limit),
        );
        let rows = async {
            let rows = query.fetch_all(&self.0.pool).await?;
            rows.into_iter().map(Row::read).collect()
        };
        self.0.run(rows).await
    }

    async fn upload(&self, id: UploadId) -> Result<Option<AuditedUpload>, PortError> {
        let query = sqlx::query_as!(
            Row,
            "select id, state, moderation from uploads where id = $1",
            id.0,
        );
        let row = async {
            let row = query.fetch_optional(&self.0.pool).await?;
            row.map(Row::read).transpose()
        };
        self.0.run(row).await
    }

    async fn judged_twice(&self) -> Result<u64, PortError> {
        let query = sqlx::query_scalar!(
            r#"select count(*) as "count!" from (
                select from moderation_records group by upload_id, post_id having count(*) > 1
            ) as twice"#
        );
        self.0
            .run(async { columns::unsigned_long(query.fetch_one(&self.0.pool).await?) })
            .await
    }

    async fn judged_without_record(&self) -> Result<u64, PortError> {
        let query = sqlx::query_scalar!(
            r#"select
                (select count(*) from uploads where moderation in ('passed', 'removed') and not exists (
                    select from moderation_records where upload_id = uploads.id and outcome = uploads.moderation))
                + (select count(*) from posts where moderation in ('passed', 'removed') and not exists (
                    select from moderation_records where post_id = posts.id and outcome = posts.moderation))
                as "count!""#
        );
        self.0
            .run(async { columns::unsigned_long(query.fetch_one(&self.0.pool).await?) })
            .await
    }
}
