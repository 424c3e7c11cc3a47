//! `complete` where the detector is asked before the answer.
//!
//! Nothing is committed before the verdict: if maker or detector cannot work, the ticket stays open, the
//! file stays where it is, and the call can be repeated. An unsafe picture is never stored as media.

use std::sync::Arc;

use sluicegate_core::error::PortError;
use sluicegate_core::moderation::{Finding, Judgement, Outcome, Record, Subject};
use sluicegate_core::ports::{ImageVerdict, MadePicture, MakePictureError, SettleError};
use sluicegate_core::public::Change;
use sluicegate_core::upload::{Completion, Upload, media_object};
use sluicegate_core::wake::Wake;

use super::complete::unjudged;
use super::{content_refused, staged};
use crate::error::ApiError;
use crate::http::kept;
use crate::state::App;

/// How long clients are told to wait for a detector that is down, in seconds.
const DETECTOR_RETRY: u32 = 10;

pub(super) async fn complete(
    app: &App,
    upload: &Upload,
    etag: &str,
    traceparent: Option<String>,
) -> Result<Completion, ApiError> {
    let _pass = app.judging.enter().await?;
    let picture = match app.pictures.make_staged(upload, Some(etag)).await {
        Ok(picture) => picture,
        Err(MakePictureError::Refused("missing")) => return overtaken(app, upload).await,
        Err(MakePictureError::Refused(reason)) => {
            return Err(staged::refuse(app, upload, reason).await?);
        }
        Err(MakePictureError::Port(error)) => return Err(error.into()),
    };
    match app.detector.classify(picture.preview.clone()).await {
        Ok(Judgement::Safe(finding)) => safe(app, upload, etag, &picture, finding).await,
        Ok(Judgement::Unsafe(finding)) => Err(unsafe_(app, upload, finding).await?),
        Ok(Judgement::Unjudged) => unjudged(app, upload, etag, traceparent).await,
        Err(error) => Err(down(error)),
    }
}

async fn safe(
    app: &App,
    upload: &Upload,
    etag: &str,
    picture: &MadePicture,
    finding: Finding,
) -> Result<Completion, ApiError> {
    let derivative = app.pictures.store(upload.id, picture).await?;
    let record = record(app, upload, Outcome::Passed, finding);
    let now = app.env.now();
    let completion = app
        .uploads
        .complete_judged(upload.id, etag, &derivative, &record, now)
        .await?;
    match &completion {
        Completion::Completed(_) => {
            app.observer.verdict(&record);
            app.pictures.delete_staged(upload.id).await;
            app.waker.wake(Wake::Upload(upload.id));
        }
        // The same file gives the same picture: another call stored the same bytes.
        Completion::Already(_) => {}
        Completion::Refused(_) | Completion::Unknown => {
            app.objects.delete(&media_object(upload.id)).await?;
        }
    }
    Ok(completion)
}

async fn unsafe_(app: &App, upload: &Upload, finding: Finding) -> Result<ApiError, ApiError> {
    let record = record(app, upload, Outcome::Removed, finding);
    let verdict = ImageVerdict::Removed(record.clone());
    let (uploads, id, now) = (Arc::clone(&app.uploads), upload.id, app.env.now());
    let applying = async move { uploads.apply_verdict(id, &verdict, None, now).await };
    let applied = kept::changed(app, Change::Account(upload.owner), applying).await;
    applied.map_err(|error| match error {
        SettleError::Port(error) => error,
        SettleError::LeaseLost(error) => PortError::failed("database", error),
    })?;
    app.observer.verdict(&record);
    app.waker.wake(Wake::Upload(upload.id));
    // A call that came between may have stored it.
    app.objects.delete(&media_object(upload.id)).await?;
    // A failure is told, so that the call is repeated: that deletes what is left.
    app.objects.delete(&upload.staged_object()).await?;
    Ok(content_refused("unsafe"))
}

/// The file is gone: another call completed or ended the upload meanwhile.
async fn overtaken(app: &App, upload: &Upload) -> Result<Completion, ApiError> {
    use sluicegate_contract::uploads::UploadState::Ticketed;

    match app.uploads.upload(upload.id).await? {
        None => Ok(Completion::Unknown),
        Some(upload) if upload.state == Ticketed => Err(staged::not_there()),
        Some(upload) => Ok(Completion::Already(upload)),
    }
}

/// Whatever is wrong with the detector: not a verdict.
fn down(error: PortError) -> ApiError {
    ApiError::unavailable(
        "The picture could not be judged right now. Nothing is lost: complete it again later.",
        DETECTOR_RETRY,
    )
    .because(error)
}

fn record(app: &App, upload: &Upload, outcome: Outcome, finding: Finding) -> Record {
    Record {
        id: app.env.new_id(),
        subject: Subject::Upload(upload.id),
        owner: upload.owner,
        source: app.detector.name().to_owned(),
        stage: "image".to_owned(),
        outcome,
        reason: finding.reason,
        confidence: finding.confidence,
        scores: finding.scores,
        created_at: app.env.now(),
    }
}
