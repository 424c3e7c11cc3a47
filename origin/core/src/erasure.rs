//! Erases accounts whose owners deleted them: objects first, then rows, the account last.
//!
//! A row that is left names what is left to do, so whoever stops anywhere leaves it to the next run.

use std::sync::Arc;

use futures_util::{TryStreamExt, stream};
use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::media::MediaKey;

use crate::env::Env;
use crate::error::PortError;
use crate::job::purge_id;
use crate::ports::{ErasureStore, ObjectStore, Purge, PurgeHook};
use crate::upload::{media_object, staged_object};

/// Accounts of one run; the next run takes the others.
const ACCOUNTS: u32 = 100;
/// Rows in one step.
const BATCH: u32 = 200;
/// Objects that are deleted at once.
const DELETES: usize = 16;

/// Erases accounts.
#[derive(Clone)]
pub struct Erasure {
    /// Time.
    pub env: Env,
    /// The rows.
    pub store: Arc<dyn ErasureStore>,
    /// The objects.
    pub objects: Arc<dyn ObjectStore>,
    /// Who is told of pictures that are gone.
    pub purge: Arc<dyn PurgeHook>,
}

impl Erasure {
    /// Erases what is due, and adds to `erased` how many accounts, also when one fails, or all are given up. Can be repeated,
    /// and run at the same time as another. One account that cannot be erased does not keep the others: the last error is
    /// answered after all were tried.
    pub async fn run_into(&self, erased: &mut u64) -> Result<(), PortError> {
        let mut ended = Ok(());
        for account in self.store.due(self.env.now(), ACCOUNTS).await? {
            match self.erase(account).await {
                Ok(()) => *erased += 1,
                Err(error) => {
                    tracing::warn!(%account, %error, "an account could not be erased yet");
                    ended = Err(error);
                }
            }
        }
        ended
    }

    async fn erase(&self, account: AccountId) -> Result<(), PortError> {
        while self.store.erase_posts(account, BATCH).await? > 0 {}
        loop {
            let uploads = self.store.uploads(account, BATCH).await?;
            if uploads.is_empty() {
                break;
            }
            self.delete_objects(&uploads).await?;
            self.tell(account, &uploads).await;
            self.store.erase_uploads(account, &uploads).await?;
        }
        while self.store.erase_records(account, BATCH).await? > 0 {}
        self.store.finish(account).await
    }

    /// Caches were told when the account was hidden, as often as it took. This is for those that came later, without a
    /// job: nothing of the person may be left in one, and a cache that does not answer must not keep them here.
    async fn tell(&self, account: AccountId, uploads: &[UploadId]) {
        let keys: Vec<_> = uploads.iter().map(|id| Ok(MediaKey(*id))).collect();
        let told: Result<(), PortError> = stream::iter(keys)
            .try_for_each_concurrent(DELETES, |key| async move {
                let id = purge_id(account.0, key);
                self.purge.purge(&Purge { id, key }).await
            })
            .await;
        if let Err(error) = told {
            tracing::warn!(%account, %error, "caches were not told of an account's end");
        }
    }

    async fn delete_objects(&self, uploads: &[UploadId]) -> Result<(), PortError> {
        let keys = uploads
            .iter()
            .flat_map(|id| [staged_object(*id), media_object(*id)]);
        stream::iter(keys.map(Ok))
            .try_for_each_concurrent(DELETES, |key: String| async move {
                self.objects.delete(&key).await
            })
            .await
    }
}
