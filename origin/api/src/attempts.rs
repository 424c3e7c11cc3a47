//! Limits on attempts to log in and to sign up.

use std::time::Duration;

use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::time::Timestamp;

use crate::error::ApiError;
use crate::http::client::ClientAddress;
use crate::state::App;

const LOG_IN_WINDOW: Duration = Duration::from_mins(15);
const SIGN_UP_WINDOW: Duration = Duration::from_hours(1);

/// Counts a sign-up from an address.
pub(crate) async fn sign_up(app: &App, client: &ClientAddress) -> Result<(), ApiError> {
    let most = app.config.attempts.sign_ups_by_address;
    count(
        app,
        &format!("sign-up:address:{}", client.network()),
        SIGN_UP_WINDOW,
        most,
    )
    .await
}

/// Counts a log-in from an address.
pub(crate) async fn log_in_from(app: &App, client: &ClientAddress) -> Result<(), ApiError> {
    let most = app.config.attempts.log_ins_by_address;
    count(
        app,
        &format!("log-in:address:{}", client.network()),
        LOG_IN_WINDOW,
        most,
    )
    .await
}

/// Counts a log-in to an account, whether it exists or not.
pub(crate) async fn log_in_to(app: &App, handle: &str) -> Result<(), ApiError> {
    let most = app.config.attempts.log_ins_by_handle;
    count(app, &handle_key(handle), LOG_IN_WINDOW, most).await
}

/// The log-in was right. Failing is logged only: the client is in, and counts run out by themselves.
pub(crate) async fn forget_log_ins_to(app: &App, handle: &str) {
    if let Err(error) = app.accounts.forget_attempts(&handle_key(handle)).await {
        tracing::warn!(%error, "could not set attempts back");
    }
}

fn handle_key(handle: &str) -> String {
    format!("log-in:handle:{handle}")
}

async fn count(app: &App, key: &str, window: Duration, most: u64) -> Result<(), ApiError> {
    let now = app.env.now();
    let attempts = app
        .accounts
        .count_attempt(key, now, before(now, window))
        .await?;
    if attempts <= most {
        return Ok(());
    }
    let seconds = u32::try_from(window.as_secs()).unwrap_or(u32::MAX);
    Err(ApiError::new(ProblemType::TooManyRequests)
        .detail("Too many attempts. Try again later.")
        .retry_after(seconds))
}

fn before(now: Timestamp, window: Duration) -> Timestamp {
    let ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_ms(now.unix_ms().saturating_sub(ms)).unwrap_or(now)
}
