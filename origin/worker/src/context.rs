use std::sync::Arc;

use sluicegate_core::env::Env;
use sluicegate_core::erasure::Erasure;
use sluicegate_core::observe::Observer;
use sluicegate_core::pictures::Pictures;
use sluicegate_core::ports::{
    AccountStore, Detector, ObjectStore, PostStore, PurgeHook, TextModel, UploadStore,
};
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
    /// Who is told of changes.
    pub waker: Waker,
    /// Who counts verdicts.
    pub observer: Arc<dyn Observer>,
}
