//! The limits in force: those of the contract, or lower ones where the settings say so.

use std::time::Duration;

use sluicegate_contract::limits;

use crate::quota::Quota;

/// What one origin bounds. [`Limits::default`] are the contract's; settings only lower them. What is a matter
/// of form, such as the length of handles, passwords, names, cursors and tokens, is not a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// What one account may send in.
    pub quota: Quota,
    /// The largest picture, in bytes.
    pub picture_bytes: u64,
    /// The longest side of a picture, in pixels.
    pub picture_side: u32,
    /// The most pixels of a picture.
    pub picture_pixels: u64,
    /// The largest JSON body, in bytes.
    pub json_body: usize,
    /// The longest post, in characters.
    pub post_chars: usize,
    /// How long the presigned URL of an upload ticket lives; the ticket runs out a quarter of an hour later.
    pub ticket_lifetime: Duration,
    /// How long an access token lives.
    pub access_token_lifetime: Duration,
    /// The longest wait of a long poll.
    pub long_poll: Duration,
    /// The most items of a page.
    pub page_size: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            quota: Quota::default(),
            picture_bytes: limits::PICTURE_BYTES,
            picture_side: limits::PICTURE_SIDE,
            picture_pixels: limits::PICTURE_PIXELS,
            json_body: limits::JSON_BODY,
            post_chars: limits::POST_CHARS,
            ticket_lifetime: limits::TICKET_LIFETIME,
            access_token_lifetime: limits::ACCESS_TOKEN_LIFETIME,
            long_poll: Duration::from_secs(limits::LONG_POLL_SECONDS),
            page_size: limits::PAGE_SIZE_MAX,
        }
    }
}
