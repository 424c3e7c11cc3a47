//! What every [`SweepStore`](sluicegate_core::ports::SweepStore) must do.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "that is how a promise is found broken"
)]

mod loose;
mod over;
mod pruning;

use crate::promises::promises;
use crate::stores::Stores;

pub use loose::*;
pub use over::*;
pub use pruning::*;

promises!(Stores:
    ends_tickets_that_ran_out,
    ends_what_nothing_shows,
    ends_nothing_that_is_shown_again,
    begins_anew_what_was_shown_between_two_looks,
    ends_nothing_that_is_being_made,
    keeps_what_failed_for_longer,
    ends_or_shows_what_is_set_at_the_same_time,
    sweeps_what_is_over_twice,
    says_how_uploads_stand,
    remembers_positions,
    keeps_its_first_identity,
    prunes_jobs,
    prunes_attempts,
    prunes_sessions_and_used_tokens,
    prunes_upload_keys,
    prunes_stored_answers,
    prunes_uploads_that_were_swept_for_good,
    prunes_devices_without_a_log_in,
    prunes_role_changes,
);
