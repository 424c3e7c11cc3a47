//! What is bounded, and by how much. Settings may lower these, never raise them.

use std::time::Duration;

/// The largest picture that is accepted, in bytes.
pub const PICTURE_BYTES: u64 = 10 * 1024 * 1024;
/// The longest side of a picture, in pixels.
pub const PICTURE_SIDE: u32 = 12_000;
/// The most pixels of a picture.
pub const PICTURE_PIXELS: u64 = 50_000_000;
/// How much of an upload is looked at before it is let through, in bytes.
pub const INSPECTED_HEAD: usize = 64 * 1024;
/// The most form fields before the file of a `multipart/form-data` upload.
pub const FORM_FIELDS: usize = 16;
/// The most bytes before the file of a `multipart/form-data` upload: fields and the headers of all parts.
pub const FORM_OPENING: usize = 32 * 1024;
/// The largest JSON body, in bytes.
pub const JSON_BODY: usize = 1024 * 1024;
/// The longest post, in characters (Unicode scalar values).
pub const POST_CHARS: usize = 10_000;
/// The longest display name, in characters.
pub const DISPLAY_NAME_CHARS: usize = 64;
/// The longest profile text, in characters.
pub const BIO_CHARS: usize = 500;
/// A handle's length in characters, both ends included.
pub const HANDLE_CHARS: std::ops::RangeInclusive<usize> = 3..=30;
/// A password's length in bytes, both ends included.
pub const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=256;
/// How long the presigned URL of an upload ticket lives. The ticket runs out [`UPLOAD_REQUEST_TIME`] later.
pub const TICKET_LIFETIME: Duration = Duration::from_mins(10);
/// Open upload tickets a user may have.
pub const OPEN_TICKETS: u32 = 20;
/// Pictures a user may send in [`QUOTA_WINDOW`].
pub const PICTURES_A_DAY: u32 = 200;
/// Bytes of pictures a user may send in [`QUOTA_WINDOW`].
pub const BYTES_A_DAY: u64 = 500 * 1024 * 1024;
/// The time that [`PICTURES_A_DAY`] and [`BYTES_A_DAY`] are about: the last 24 hours, whatever the time of day.
pub const QUOTA_WINDOW: Duration = Duration::from_hours(24);
/// The longest `Idempotency-Key`, in bytes.
pub const IDEMPOTENCY_KEY_BYTES: usize = 255;
/// How long an `Idempotency-Key` is remembered.
pub const IDEMPOTENCY_KEY_LIFETIME: Duration = Duration::from_hours(24);
/// How long an account that its owner deleted can be restored.
pub const DELETION_GRACE: Duration = Duration::from_hours(30 * 24);
/// The longest access token, in bytes.
pub const TOKEN_BYTES: usize = 4 * 1024;
/// The longest cursor, in bytes.
pub const CURSOR_BYTES: usize = 4 * 1024;
/// How long an access token lives.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_mins(15);
/// How far the clocks of edge and origin may differ when a token's times are checked.
pub const CLOCK_SKEW: Duration = Duration::from_mins(1);
/// Uploads that one edge process streams at once; more are told to come back.
pub const ACTIVE_UPLOADS: usize = 256;
/// The pieces in which bodies move, in bytes.
pub const STREAM_BUFFER: usize = 64 * 1024;
/// How long an API request may take.
pub const API_REQUEST_TIME: Duration = Duration::from_mins(1);
/// How long an upload may take.
pub const UPLOAD_REQUEST_TIME: Duration = Duration::from_mins(15);
/// How long an edge keeps a media grant.
pub const GRANT_CACHE_TIME: Duration = Duration::from_secs(30);
/// How long the address of a preview works.
pub const PREVIEW_LIFETIME: Duration = Duration::from_mins(10);
/// The longest wait of a long poll, in seconds.
pub const LONG_POLL_SECONDS: u64 = 25;
/// Items of a page when the client names no number.
pub const PAGE_SIZE: u32 = 20;
/// The most items of a page.
pub const PAGE_SIZE_MAX: u32 = 100;
