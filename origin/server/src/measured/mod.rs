//! Ports that are measured: decorators around adapters, which count each call and make a span of it.

mod detector;
mod job;
mod objects;
mod pictures;
mod text_model;

pub use detector::MeasuredDetector;
pub use job::MeasuredJob;
pub use objects::MeasuredObjects;
pub use pictures::MeasuredMaker;
pub use text_model::MeasuredModel;

use sluicegate_core::error::PortError;
use sluicegate_core::moderation::Judgement;

/// How a call to a service ended, in a word.
fn outcome<T>(result: &Result<T, PortError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => failure(error),
    }
}

fn failure(error: &PortError) -> &'static str {
    if error.is_unavailable() {
        "unavailable"
    } else {
        "failed"
    }
}

fn judgement(result: &Result<Judgement, PortError>) -> &'static str {
    match result {
        Ok(Judgement::Safe(_)) => "safe",
        Ok(Judgement::Unsafe(_)) => "unsafe",
        Ok(Judgement::Unjudged) => "unjudged",
        Err(error) => failure(error),
    }
}
