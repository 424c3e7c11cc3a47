//! The origin's own look at a file that was stored: nothing that edge or client said of it is believed.

use std::sync::Arc;

use sluicegate_contract::limits;
use sluicegate_contract::problem::ProblemType;
use sluicegate_core::limits::Limits;
use sluicegate_core::ports::ObjectInfo;
use sluicegate_core::public::Change;
use sluicegate_core::upload::Upload;
use sluicegate_core::wake::Wake;
use sluicegate_sniff::{Inspection, Picture, Refusal, inspect};

use super::picture_refused;
use crate::error::ApiError;
use crate::http::kept;
use crate::state::App;

/// The entity tag of the stored file, if it is a picture that we take; else the upload is over.
/// `None` if no file is there.
pub(super) async fn check(app: &App, upload: &Upload) -> Result<Option<String>, ApiError> {
    let key = upload.staged_object();
    let Some(info) = app.objects.head(&key).await? else {
        return Ok(None);
    };
    if info.length != upload.declared_length {
        return Err(refuse(app, upload, "length").await?);
    }
    let looked_at = info.length.min(limits::INSPECTED_HEAD as u64);
    let Some(head) = app.objects.read_start(&key, looked_at, &info.etag).await? else {
        return Ok(None);
    };
    match fault(&head, &info, &app.config.limits) {
        None => Ok(Some(info.etag)),
        Some(reason) => Err(refuse(app, upload, reason).await?),
    }
}

/// Ends the upload, deletes the file, and says what to answer.
pub(super) async fn refuse(
    app: &App,
    upload: &Upload,
    reason: &'static str,
) -> Result<ApiError, ApiError> {
    let (uploads, id, now) = (Arc::clone(&app.uploads), upload.id, app.env.now());
    let rejecting = async move { uploads.reject(id, reason, now).await };
    kept::changed(app, Change::Account(upload.owner), rejecting).await?;
    app.pictures.delete_staged(upload.id).await;
    app.waker.wake(Wake::Upload(upload.id));
    Ok(picture_refused(reason))
}

pub(super) fn not_there() -> ApiError {
    ApiError::new(ProblemType::Conflict).detail("The file is not stored yet.")
}

/// What speaks against the file, as a stable word.
fn fault(head: &[u8], info: &ObjectInfo, limits: &Limits) -> Option<&'static str> {
    match inspect(head, info.length) {
        Inspection::Picture(picture) if picture.animated => Some("animated"),
        Inspection::Picture(picture) if too_many_pixels(&picture, limits) => {
            Some("too_many_pixels")
        }
        Inspection::Picture(_) => None,
        Inspection::Refused(Refusal::Unsupported) => Some("unsupported"),
        // More than this is not looked at: what the head does not tell is not there.
        Inspection::Refused(Refusal::Broken) | Inspection::NeedMore => Some("broken"),
    }
}

fn too_many_pixels(picture: &Picture, limits: &Limits) -> bool {
    let pixels = u64::from(picture.width) * u64::from(picture.height);
    picture.width > limits.picture_side
        || picture.height > limits.picture_side
        || pixels > limits.picture_pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        file.extend(width.to_be_bytes());
        file.extend(height.to_be_bytes());
        file.extend([8, 2, 0, 0, 0]);
        file
    }

    #[test]
    fn pixels_are_bounded_by_side_and_area() {
        let picture = |width, height| Picture {
            kind: sluicegate_sniff::Kind::Png,
            width,
            height,
            animated: false,
        };
        assert!(!too_many_pixels(
            &picture(12_000, 4_000),
            &Limits::default()
        ));
        assert!(too_many_pixels(&picture(12_001, 1), &Limits::default()));
        assert!(too_many_pixels(&picture(8_000, 8_000), &Limits::default()));
    }

    #[test]
    fn faults_are_stable_words() {
        let fault = |head: &[u8]| {
            fault(
                head,
                &ObjectInfo {
                    etag: String::new(),
                    length: head.len() as u64,
                },
                &Limits::default(),
            )
        };
        assert_eq!(
            fault(b"hello, I am no picture at all, whatever"),
            Some("unsupported")
        );
        assert_eq!(
            fault(&png(10, 10)),
            Some("broken"),
            "it ends in its first chunk"
        );
    }
}
