use sluicegate_contract::ids::AccountId;
use sluicegate_core::moderation::{Record, Subject};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::columns;
use crate::pool::Pool;

struct RecordRow {
    id: Uuid,
    owner_id: Uuid,
    source: String,
    stage: String,
    outcome: String,
    reason: String,
    confidence: f64,
    scores: serde_json::Value,
    created_at: OffsetDateTime,
}

impl RecordRow {
    fn read(self, subject: Subject) -> sqlx::Result<Record> {
        Ok(Record {
            id: self.id,
            subject,
            owner: AccountId(self.owner_id),
            source: self.source,
            stage: self.stage,
            outcome: columns::outcome(&self.outcome)?,
            reason: self.reason,
            confidence: self.confidence,
            scores: self.scores,
            created_at: self.created_at.into(),
        })
    }
}

/// The records about `subject`, oldest first.
pub(crate) async fn list(pool: &Pool, subject: Subject) -> sqlx::Result<Vec<Record>> {
    let rows = match subject {
        Subject::Upload(id) => {
            sqlx::query_as!(
                RecordRow,
                "select id, owner_id, source, stage, outcome, reason, confidence, scores, created_at
                from moderation_records where upload_id = $1 order by created_at, id",
                id.0,
            )
            .fetch_all(pool)
            .await?
        }
        Subject::Post(id) => {
            sqlx::query_as!(
                RecordRow,
                "select id, owner_id, source, stage, outcome, reason, confidence, scores, created_at
                from moderation_records where post_id = $1 order by created_at, id",
                id.0,
            )
            .fetch_all(pool)
            .await?
        }
    };
    rows.into_iter().map(|row| row.read(subject)).collect()
}
