use std::time::Duration;

use sluicegate_core::fair::{self, Rates};
use sluicegate_core::job::{IMAGE_QUEUE, POST_QUEUE, PURGE_QUEUE};
use sluicegate_core::limits::{Limits, REQUEST_WINDOW, RequestLimits};
use sluicegate_core::rate::Rate;

use super::reader::Reader;

/// Each default is the contract's limit and the largest value that is taken; a test of the reference holds
/// the texts to the constants.
pub(super) fn limits(reader: &mut Reader<'_>) -> Limits {
    let most = Limits::default();
    let mut limit = |name, default: &'static str, least: u32| {
        let largest = default.parse().unwrap_or(least);
        reader.number(name, default, least..=largest)
    };
    let mut limits = Limits {
        picture_bytes: limit("LIMIT_PICTURE_BYTES", "10485760", 1).into(),
        picture_side: limit("LIMIT_PICTURE_SIDE", "12000", 1),
        picture_pixels: limit("LIMIT_PICTURE_PIXELS", "50000000", 1).into(),
        json_body: size(limit("LIMIT_JSON_BYTES", "1048576", 1_024)),
        post_chars: size(limit("LIMIT_POST_CHARACTERS", "10000", 1)),
        ticket_lifetime: seconds(limit("LIMIT_TICKET_SECONDS", "600", 10)),
        access_token_lifetime: seconds(limit("LIMIT_ACCESS_TOKEN_SECONDS", "900", 60)),
        long_poll: seconds(limit("LIMIT_LONG_POLL_SECONDS", "25", 1)),
        page_size: limit("LIMIT_PAGE_ITEMS", "100", 1),
        requests: RequestLimits::NONE,
        ..most
    };
    limits.quota.open_tickets = limit("LIMIT_OPEN_TICKETS", "20", 1);
    limits.quota.pictures = limit("LIMIT_PICTURES_A_DAY", "200", 1);
    limits.quota.bytes = limit("LIMIT_BYTES_A_DAY", "524288000", 1).into();
    limits.requests = requests(reader);
    if limits.quota.bytes < limits.picture_bytes {
        let rule =
            "must be at least LIMIT_PICTURE_BYTES: else pictures are allowed that nobody may send";
        reader.wrong("LIMIT_BYTES_A_DAY", rule);
    }
    limits
}

/// Requests a minute; 0: no limit, or none of their own. The contract says nothing of them, so they may be raised.
fn requests(reader: &mut Reader<'_>) -> RequestLimits {
    let mut rate = |name, default| {
        let requests = reader.number(name, default, 0..=10_000_000);
        (requests > 0).then(|| Rate::new(requests, REQUEST_WINDOW))
    };
    RequestLimits {
        account_reads: rate("RATE_ACCOUNT_READS", "6000"),
        account_writes: rate("RATE_ACCOUNT_WRITES", "1200"),
        address_reads: rate("RATE_ADDRESS_READS", "12000"),
        address_writes: rate("RATE_ADDRESS_WRITES", "1200"),
        account_uploads: rate("RATE_ACCOUNT_UPLOADS", "600"),
        account_posts: rate("RATE_ACCOUNT_POSTS", "600"),
        account_lists: rate("RATE_ACCOUNT_LISTS", "3000"),
        address_lists: rate("RATE_ADDRESS_LISTS", "6000"),
        address_log_ins: rate("RATE_ADDRESS_LOG_INS", "300"),
    }
}

/// How many jobs may begin in a minute; 0: no rate. What cleans up has none: it must not fall behind.
pub(super) fn rates(reader: &mut Reader<'_>) -> Rates {
    let mut rate = |name| fair::Rate::per_minute(reader.number(name, "0", 0..=fair::Rate::MOST));
    Rates::new([
        (IMAGE_QUEUE, rate("IMAGE_JOBS_A_MINUTE")),
        (POST_QUEUE, rate("POST_JOBS_A_MINUTE")),
        (PURGE_QUEUE, rate("PURGE_JOBS_A_MINUTE")),
    ])
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
