//! One file a job.

mod erase_accounts;
mod moderate_image;
mod process_post;
mod prune;
mod purge_account;
mod purge_media;
mod sweep;

pub(crate) use erase_accounts::EraseAccountsJob;
pub(crate) use moderate_image::ModerateImageJob;
pub(crate) use process_post::ProcessPostJob;
pub(crate) use prune::PruneJob;
pub(crate) use purge_account::PurgeAccountJob;
pub(crate) use purge_media::PurgeMediaJob;
pub(crate) use sweep::SweepJob;

use serde::de::DeserializeOwned;
use sluicegate_core::error::PortError;
use sluicegate_core::job::{LeasedJob, Turn};

use crate::outcome::{JobError, Outcome};

/// What a periodic job makes of its end. An outage that lasts is left to the next slot: a row of dead jobs for each
/// hour of it would tell nobody anything.
fn periodic_end(job: &LeasedJob, ended: Result<(), PortError>) -> Result<Outcome, JobError> {
    match ended {
        Ok(()) => Ok(Outcome::Done),
        Err(error) if error.is_unavailable() && job.turn == Turn::LastAttempt => {
            tracing::warn!(%error, "given up; the next one goes on");
            Ok(Outcome::Done)
        }
        Err(error) => Err(error.into()),
    }
}

/// A payload that cannot be read never will be.
fn payload<T: DeserializeOwned>(job: &LeasedJob) -> Result<T, Outcome> {
    T::deserialize(&job.payload).map_err(|error| Outcome::Fail {
        error: format!("the payload is wrong: {error}"),
    })
}
