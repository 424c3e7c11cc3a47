use async_trait::async_trait;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::{Moderation, UploadState};

use crate::error::PortError;

/// What an audit needs to know of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditedUpload {
    /// Which.
    pub id: UploadId,
    /// How it stands.
    pub state: UploadState,
    /// What was said of its picture.
    pub moderation: Moderation,
}

/// What an audit asks of the database. Reads only; every call is bounded by a limit or by an index.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// At most `limit` uploads after `after`, by id.
    async fn uploads(
        &self,
        after: Option<UploadId>,
        limit: u32,
    ) -> Result<Vec<AuditedUpload>, PortError>;

    /// One upload; `None` if there is no such row.
    async fn upload(&self, id: UploadId) -> Result<Option<AuditedUpload>, PortError>;

    /// How many uploads and posts have more than one record of a verdict. Reads all records: for an audit alone.
    async fn judged_twice(&self) -> Result<u64, PortError>;

    /// How many uploads and posts were judged (`passed` or `removed`) without a record that says so. Reads all rows.
    async fn judged_without_record(&self) -> Result<u64, PortError>;
}
