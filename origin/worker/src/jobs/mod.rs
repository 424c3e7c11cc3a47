//! One file a job.

mod moderate_image;
mod process_post;

pub(crate) use moderate_image::ModerateImageJob;
pub(crate) use process_post::ProcessPostJob;

use serde::de::DeserializeOwned;
use sluicegate_core::job::LeasedJob;

use crate::outcome::Outcome;

/// A payload that cannot be read never will be.
fn payload<T: DeserializeOwned>(job: &LeasedJob) -> Result<T, Outcome> {
    T::deserialize(&job.payload).map_err(|error| Outcome::Fail {
        error: format!("the payload is wrong: {error}"),
    })
}
