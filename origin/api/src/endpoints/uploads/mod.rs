pub(crate) mod abandon;
pub(crate) mod asking;
pub(crate) mod complete;
pub(crate) mod events;
mod judged;
mod staged;
pub(crate) mod status;
pub(crate) mod ticket;
pub(crate) mod tickets;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::uploads::Moderation;
use sluicegate_core::upload::Upload;

use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::state::App;

/// The caller's upload. Somebody else's is as good as none.
async fn owned(app: &App, caller: &Caller, id: UploadId) -> Result<Upload, ApiError> {
    let upload = app.uploads.upload(id).await?;
    upload
        .filter(|upload| upload.owner == caller.account)
        .ok_or_else(ApiError::not_found)
}

/// Why an upload that is over was refused.
fn refusal(upload: &Upload) -> ApiError {
    let reason = upload.reason.as_deref().unwrap_or("broken");
    if upload.moderation == Moderation::Removed {
        content_refused(reason)
    } else {
        picture_refused(reason)
    }
}

fn content_refused(reason: &str) -> ApiError {
    ApiError::new(ProblemType::ContentRefused)
        .detail("The picture was judged not to be acceptable.")
        .with("reason", reason)
}

fn picture_refused(reason: &str) -> ApiError {
    let kind = if reason == "unsupported" {
        ProblemType::UnsupportedMediaType
    } else {
        ProblemType::PictureRefused
    };
    let detail = match reason {
        "unsupported" => "The file is not a JPEG, PNG or WebP picture.",
        "animated" => "Animated pictures are not taken.",
        "too_many_pixels" => "The picture has too many pixels.",
        "digest" => "The file does not have the SHA-256 that it was declared with.",
        "length" => "What was stored is not as long as the ticket said.",
        _ => "The file starts like a picture, but cannot be read as one.",
    };
    ApiError::new(kind).detail(detail).with("reason", reason)
}
