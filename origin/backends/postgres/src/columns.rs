//! Values as the tables hold them.

use sluicegate_contract::token::Role;
use sluicegate_contract::uploads::{Moderation, Purpose, UploadState};
use sluicegate_core::fair::Priority;
use sluicegate_core::job::JobState;
use sluicegate_core::moderation::Outcome;

use crate::error::{decode_error, encode_error};

pub(crate) fn int(value: u32) -> sqlx::Result<i32> {
    i32::try_from(value).map_err(encode_error)
}

pub(crate) fn bigint(value: u64) -> sqlx::Result<i64> {
    i64::try_from(value).map_err(encode_error)
}

pub(crate) fn unsigned(value: i32) -> sqlx::Result<u32> {
    u32::try_from(value).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

pub(crate) fn unsigned_long(value: i64) -> sqlx::Result<u64> {
    u64::try_from(value).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

pub(crate) fn purpose(name: &str) -> sqlx::Result<Purpose> {
    Purpose::parse(name).ok_or_else(|| decode_error("purpose", name))
}

pub(crate) fn upload_state(name: &str) -> sqlx::Result<UploadState> {
    UploadState::parse(name).ok_or_else(|| decode_error("upload state", name))
}

pub(crate) fn moderation(name: &str) -> sqlx::Result<Moderation> {
    Moderation::parse(name).ok_or_else(|| decode_error("moderation", name))
}

pub(crate) fn job_state(name: &str) -> sqlx::Result<JobState> {
    JobState::parse(name).ok_or_else(|| decode_error("job state", name))
}

pub(crate) fn priority(number: i16) -> sqlx::Result<Priority> {
    Priority::from_number(number).ok_or_else(|| decode_error("priority", &number.to_string()))
}

pub(crate) fn role(name: &str) -> sqlx::Result<Role> {
    Role::ALL
        .into_iter()
        .find(|role| role.as_str() == name)
        .ok_or_else(|| decode_error("role", name))
}

pub(crate) fn outcome(name: &str) -> sqlx::Result<Outcome> {
    match name {
        "passed" => Ok(Outcome::Passed),
        "removed" => Ok(Outcome::Removed),
        _ => Err(decode_error("outcome", name)),
    }
}

/// The moderation that an outcome leads to; its name is the outcome's in the database, too.
pub(crate) fn verdict(outcome: Outcome) -> Moderation {
    match outcome {
        Outcome::Passed => Moderation::Passed,
        Outcome::Removed => Moderation::Removed,
    }
}
