use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::time::Timestamp;

use crate::error::PortError;
use crate::job::NewJob;

/// Erases accounts, piece by piece. All is idempotent, bounded by its limit, and may be called by several at once.
/// What was erased stays so if the next call never comes.
#[async_trait]
pub trait ErasureStore: Send + Sync {
    /// Accounts whose owners deleted them and whose time to think again is over. From now on nothing brings
    /// them back; they are named again until they are gone.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<AccountId>, PortError>;

    /// Deletes posts; answers how many.
    async fn erase_posts(&self, account: AccountId, limit: u32) -> Result<u64, PortError>;

    /// Uploads that are left, of any state. Their objects are deleted before they are.
    async fn uploads(&self, account: AccountId, limit: u32) -> Result<Vec<UploadId>, PortError>;

    /// Pictures of the account after `after`, by id, that somebody may have seen: those that arrived and were not taken
    /// away.
    async fn pictures(
        &self,
        account: AccountId,
        after: Option<UploadId>,
        limit: u32,
    ) -> Result<Vec<UploadId>, PortError>;

    /// Writes jobs that are about the account, unless it is gone: `false` then. Idempotent by their ids. What this writes
    /// goes with the account.
    async fn add_jobs(&self, account: AccountId, jobs: &[NewJob]) -> Result<bool, PortError>;

    /// Deletes these uploads of the account, and takes them from its profile. Its posts are gone by then.
    async fn erase_uploads(&self, account: AccountId, ids: &[UploadId]) -> Result<(), PortError>;

    /// Deletes records of moderation; answers how many.
    async fn erase_records(&self, account: AccountId, limit: u32) -> Result<u64, PortError>;

    /// Deletes the account and what is left of it: jobs, sessions, devices, counts of log-ins. Fails if uploads or
    /// posts are left. The handle is free then. Does nothing to an account that [`due`](Self::due) has not named.
    async fn finish(&self, account: AccountId) -> Result<(), PortError>;
}
