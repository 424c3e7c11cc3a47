//! What every [`UploadStore`](sluicegate_core::ports::UploadStore) must do.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "that is how a promise is found broken"
)]

mod keys;
mod making;
mod quotas;
mod tickets;
mod verdicts;

use crate::promises::promises;
use crate::stores::Stores;

pub use keys::*;
pub use making::*;
pub use quotas::*;
pub use tickets::*;
pub use verdicts::*;

promises!(Stores:
    keeps_tickets,
    limits_open_tickets,
    gives_tickets_up,
    gives_one_ticket_for_a_key,
    gives_one_ticket_for_a_key_at_once,
    says_what_a_key_stands_for,
    forgets_keys_of_uploads_that_came_to_nothing,
    keeps_declared_hashes,
    limits_open_tickets_that_come_at_once,
    limits_a_day_of_those_that_come_at_once,
    counts_what_a_day_brought,
    counts_what_was_rejected,
    gives_shares_back,
    keeps_shares_of_urls_that_clients_have,
    counts_staged_bytes,
    counts_what_clients_can_still_store,
    completes_with_a_job,
    completes_once,
    completes_no_expired_ticket,
    completes_what_was_judged_before,
    lets_one_make_a_picture,
    makes_again_when_a_lease_has_ended,
    holds_claims_that_are_extended,
    refuses_makers_that_lost_their_claim,
    rejects_what_is_being_made,
    caps_making_on_demand,
    finishes_once,
    gives_claims_back,
    tries_failed_pictures_again,
    leaves_failed_what_could_not_be_tried_again,
    rejects_and_clears,
    keeps_what_replaced_a_rejected_picture,
    fails_only_what_is_under_way,
    fails_with_the_burial_of_its_job,
    passes_pictures,
    removes_pictures,
    leaves_a_job_for_each_removal,
    settles_with_the_verdict,
    changes_nothing_with_a_lost_lease,
);
