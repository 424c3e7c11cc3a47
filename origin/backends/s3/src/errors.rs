//! What the SDK's errors mean.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use sluicegate_core::error::PortError;

pub(crate) const SERVICE: &str = "object store";

/// The status of the store's answer, if it gave one.
pub(crate) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

/// Whether the object is not there, or another one than the condition names.
pub(crate) fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let no_bucket = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code);
    no_bucket != Some("NoSuchBucket") && matches!(status(error), Some(404 | 412))
}

/// Overload and outages pass; anything else that we did not expect does not.
pub(crate) fn port_error<E>(error: SdkError<E, HttpResponse>) -> PortError
where
    E: std::error::Error + Send + Sync + 'static,
{
    let passes = match &error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::ServiceError(_) => matches!(status(&error), Some(408 | 429 | 500..=599)),
        _ => true,
    };
    let said = DisplayErrorContext(error).to_string();
    if passes {
        PortError::unavailable(SERVICE, said)
    } else {
        PortError::failed(SERVICE, said)
    }
}
