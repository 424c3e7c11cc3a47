//! The limits in force: those of the contract, or lower ones where the settings say so.

use std::time::Duration;

use sluicegate_contract::limits;

use crate::quota::Quota;
use crate::rate::Rate;

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
    /// How fast may be asked.
    pub requests: RequestLimits,
}

/// How fast clients may ask; `None`: as fast as they like. Not of the contract: settings lower and raise them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// One account, reading.
    pub account_reads: Option<Rate>,
    /// One account, changing something.
    pub account_writes: Option<Rate>,
    /// All who show no token, from one address, reading.
    pub address_reads: Option<Rate>,
    /// The same, changing something.
    pub address_writes: Option<Rate>,
    /// One account, asking for tickets and completing uploads. `None` here and below: counted with all others.
    pub account_uploads: Option<Rate>,
    /// One account, writing and deleting posts.
    pub account_posts: Option<Rate>,
    /// One account, reading lists of posts.
    pub account_lists: Option<Rate>,
    /// All who show no token, from one address, reading lists of posts.
    pub address_lists: Option<Rate>,
    /// All who sign up or log in from one address.
    pub address_log_ins: Option<Rate>,
}

/// What [`RequestLimits`] are about.
pub const REQUEST_WINDOW: Duration = Duration::from_mins(1);

impl RequestLimits {
    /// No limits.
    pub const NONE: Self = Self {
        account_reads: None,
        account_writes: None,
        address_reads: None,
        address_writes: None,
        account_uploads: None,
        account_posts: None,
        account_lists: None,
        address_lists: None,
        address_log_ins: None,
    };
}

/// No person and no program that a person uses comes near these, and behind one address may be a whole campus or the
/// customers of a mobile carrier: they stop what runs wild.
impl Default for RequestLimits {
    fn default() -> Self {
        let rate = |requests| Some(Rate::new(requests, REQUEST_WINDOW));
        Self {
            account_reads: rate(6_000),
            account_writes: rate(1_200),
            address_reads: rate(12_000),
            address_writes: rate(1_200),
            account_uploads: rate(600),
            account_posts: rate(600),
            account_lists: rate(3_000),
            address_lists: rate(6_000),
            address_log_ins: rate(300),
        }
    }
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
            requests: RequestLimits::default(),
        }
    }
}
