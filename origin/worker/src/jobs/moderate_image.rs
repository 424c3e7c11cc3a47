//! Makes a picture, if nobody has yet, and has it judged.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::{Moderation, UploadState};
use sluicegate_core::error::PortError;
use sluicegate_core::job::{IMAGE_JOB, IMAGE_QUEUE, LeasedJob, ModerateImage};
use sluicegate_core::moderation::{Finding, Judgement, Outcome as Verdict, Record, Subject};
use sluicegate_core::pictures::Making;
use sluicegate_core::ports::{Burial, ImageVerdict, JobQueue, SettleError};
use sluicegate_core::public::Change;
use sluicegate_core::upload::{Upload, media_object, staged_object};
use sluicegate_core::wake::Wake;
use tokio::sync::broadcast::Receiver;
use tokio::time::{self, Instant};

use super::payload;
use crate::context::WorkerContext;
use crate::job::Job;
use crate::outcome::{JobError, Outcome};

/// How long an attempt waits for somebody else who is making the picture. Usually that takes a second;
/// waiting here costs a slot, coming back costs an attempt.
const BUSY_WAIT: Duration = Duration::from_secs(10);
const BUSY_POLL: Duration = Duration::from_secs(1);
const BUSY_RETRY: Duration = Duration::from_secs(5);

pub(crate) struct ModerateImageJob {
    context: WorkerContext,
}

/// What there is to judge.
enum Made {
    /// This picture, with the detector's JPEG if it was just made.
    Picture(Upload, Option<Bytes>),
    /// Nothing any more.
    Over(Option<Upload>),
    /// Somebody else is still at it.
    Busy,
}

impl ModerateImageJob {
    pub(crate) fn new(context: WorkerContext) -> Self {
        Self { context }
    }

    async fn make(&self, id: UploadId) -> Result<Made, PortError> {
        let mut hints = self.context.waker.listen();
        let deadline = Instant::now() + BUSY_WAIT;
        loop {
            match self.context.pictures.ensure(id, None).await? {
                Making::Made { upload, preview } => {
                    return Ok(Made::Picture(upload, Some(preview)));
                }
                Making::Settled(upload) if upload.state == UploadState::Ready => {
                    return Ok(Made::Picture(upload, None));
                }
                Making::Settled(upload) => return Ok(Made::Over(Some(upload))),
                Making::Unknown => return Ok(Made::Over(None)),
                Making::Busy | Making::Full if Instant::now() >= deadline => {
                    return Ok(Made::Busy);
                }
                Making::Busy | Making::Full => {
                    let _ = time::timeout(BUSY_POLL, changed(&mut hints, id)).await;
                }
            }
        }
    }

    async fn judge(
        &self,
        job: &LeasedJob,
        upload: &Upload,
        preview: Option<Bytes>,
    ) -> Result<Outcome, JobError> {
        let preview = match preview {
            Some(preview) => Some(preview),
            None => self.context.pictures.preview(upload.id).await?,
        };
        let Some(preview) = preview else {
            let error = "the picture is not in the store".to_owned();
            return Ok(Outcome::Retry { error, after: None });
        };
        match self.context.detector.classify(preview).await? {
            Judgement::Unjudged => Ok(Outcome::Done),
            Judgement::Safe(finding) => {
                let record = self.record(upload, Verdict::Passed, finding);
                let verdict = ImageVerdict::Passed(record.clone());
                let now = self.context.env.now();
                let settle = Some(&job.lease);
                let applying = self
                    .context
                    .uploads
                    .apply_verdict(upload.id, &verdict, settle, now);
                let applied = applying.await;
                // Whatever came of it: it may be committed though nobody was told.
                if !self.context.gate.lets_through(Moderation::Unreviewed) {
                    // Only now do strangers see it.
                    self.context.forget(Change::Account(upload.owner)).await;
                }
                applied?;
                self.context.observer.verdict(&record);
                self.context.waker.wake(Wake::Upload(upload.id));
                Ok(Outcome::Settled)
            }
            Judgement::Unsafe(finding) => self.remove(upload, finding).await,
        }
    }

    /// Nobody sees the picture once the verdict is committed. The job is settled only after the objects
    /// are gone: if deleting fails, the next attempt finds the verdict and deletes.
    async fn remove(&self, upload: &Upload, finding: Finding) -> Result<Outcome, JobError> {
        let record = self.record(upload, Verdict::Removed, finding);
        let now = self.context.env.now();
        let verdict = ImageVerdict::Removed(record.clone());
        let applying = self
            .context
            .uploads
            .apply_verdict(upload.id, &verdict, None, now);
        let applied = applying.await;
        self.context.forget(Change::Account(upload.owner)).await;
        applied?;
        self.context.observer.verdict(&record);
        self.context.waker.wake(Wake::Upload(upload.id));
        let upload = self.context.uploads.upload(upload.id).await?;
        self.clean_up(upload).await
    }

    /// Deletes what a removed picture left. What a person gave back in between stays.
    async fn clean_up(&self, upload: Option<Upload>) -> Result<Outcome, JobError> {
        if let Some(upload) = upload.filter(|upload| upload.moderation == Moderation::Removed) {
            self.context
                .objects
                .delete(&media_object(upload.id))
                .await?;
            self.context
                .objects
                .delete(&staged_object(upload.id))
                .await?;
        }
        Ok(Outcome::Done)
    }

    fn record(&self, upload: &Upload, outcome: Verdict, finding: Finding) -> Record {
        Record {
            id: self.context.env.new_id(),
            subject: Subject::Upload(upload.id),
            owner: upload.owner,
            source: self.context.detector.name().to_owned(),
            stage: "image".to_owned(),
            outcome,
            reason: finding.reason,
            confidence: finding.confidence,
            scores: finding.scores,
            created_at: self.context.env.now(),
        }
    }
}

#[async_trait]
impl Job for ModerateImageJob {
    fn queue(&self) -> &'static str {
        IMAGE_QUEUE
    }

    fn name(&self) -> &'static str {
        IMAGE_JOB
    }

    async fn run(&self, job: &LeasedJob) -> Result<Outcome, JobError> {
        let id = match payload::<ModerateImage>(job) {
            Ok(payload) => payload.key.0,
            Err(failed) => return Ok(failed),
        };
        let (upload, preview) = match self.make(id).await? {
            Made::Picture(upload, preview) => (upload, preview),
            Made::Over(upload) => return self.clean_up(upload).await,
            Made::Busy => {
                let error = "somebody else is making the picture".to_owned();
                return Ok(Outcome::Retry {
                    error,
                    after: Some(BUSY_RETRY),
                });
            }
        };
        if preview.is_none() {
            // Whoever made it may have been stopped before this.
            self.context.pictures.delete_staged(id).await;
        }
        match upload.moderation {
            Moderation::Unreviewed => self.judge(job, &upload, preview).await,
            Moderation::Passed | Moderation::Restored => Ok(Outcome::Done),
            Moderation::Removed => self.clean_up(Some(upload)).await,
        }
    }

    /// The store leaves a picture that was made as it is.
    async fn bury(
        &self,
        queue: &dyn JobQueue,
        job: &LeasedJob,
        error: &str,
        now: Timestamp,
    ) -> Result<(), SettleError> {
        let Ok(ModerateImage { key, .. }) = payload(job) else {
            return queue.bury(&job.lease, error, now).await;
        };
        let burial = Burial {
            lease: job.lease,
            error,
        };
        self.context
            .uploads
            .fail(key.0, "processing_failed", Some(&burial), now)
            .await?;
        self.context.waker.wake(Wake::Upload(key.0));
        Ok(())
    }
}

/// Until the upload changed, as far as this process knows.
async fn changed(hints: &mut Receiver<Wake>, id: UploadId) {
    while let Ok(hint) = hints.recv().await {
        if hint == Wake::Upload(id) {
            return;
        }
    }
}
