use std::sync::Arc;

use sluicegate_core::env::Env;
use sluicegate_core::erasure::Erasure;
use sluicegate_core::moderation::ImageGate;
use sluicegate_core::observe::Observer;
use sluicegate_core::pictures::Pictures;
use sluicegate_core::ports::{
    AccountStore, Detector, ObjectStore, PostStore, PublicCache, PurgeHook, TextModel, UploadStore,
};
use sluicegate_core::public::Change;
use sluicegate_core::sweep::Sweep;
use sluicegate_core::text::TextPolicy;
use sluicegate_core::wake::Waker;

/// All that jobs may use.
#[derive(Clone)]
pub struct WorkerContext {
    /// Time, ids, randomness.
    pub env: Env,
    /// Accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// Uploads.
    pub uploads: Arc<dyn UploadStore>,
    /// Posts.
    pub posts: Arc<dyn PostStore>,
    /// Where pictures lie.
    pub objects: Arc<dyn ObjectStore>,
    /// How pictures are made.
    pub pictures: Pictures,
    /// Who sees pictures that nobody has judged.
    pub gate: ImageGate,
    /// Who judges pictures.
    pub detector: Arc<dyn Detector>,
    /// Who is told of pictures that were removed.
    pub purge: Arc<dyn PurgeHook>,
    /// Who judges texts: stage 2.
    pub text_model: Arc<dyn TextModel>,
    /// What texts may not hold: stage 1.
    pub policy: Arc<TextPolicy>,
    /// What deletes what nobody needs any more.
    pub sweep: Sweep,
    /// What erases accounts.
    pub erasure: Erasure,
    /// What strangers read: it is told of verdicts.
    pub cache: Arc<dyn PublicCache>,
    /// Who is told of changes.
    pub waker: Waker,
    /// Who counts verdicts.
    pub observer: Arc<dyn Observer>,
}

impl WorkerContext {
    /// After a verdict is committed: strangers see no more what was before it. If the cache does not hear, they may for up to
    /// two seconds.
    pub(crate) async fn forget(&self, change: Change) {
        if let Err(error) = self.cache.forget(change).await {
            tracing::debug!(%error, "the cache was not told of a verdict");
        }
    }
}
