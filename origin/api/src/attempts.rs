//! Limits on attempts to log in and to sign up.
//!
//! Windows are fixed: they begin at multiples of their length, and each begins at nothing. The store counts
//! an attempt before its number is known, so also one that is then refused; with fixed windows that does not
//! make anybody wait longer. In return twice as many may come close together where one window follows
//! another. The narrowest count is asked first and refuses before the wider ones hear of the attempt: who
//! hammers at one account from one address uses up neither the account's count nor the address's.
//!
//! Everybody can guess at an account from many addresses, and what bounds them must not keep its owner out. So a
//! device where a session of the account began before (it shows the token that it was given then) is counted for
//! itself, and for nothing else: neither the count of the handle nor that of the address, which strangers use up,
//! is asked. It has as many attempts as one address has. This is OWASP's "device cookies". Sessions that
//! exist are not touched by any count, for refreshing is not counted. Who is kept out while an account is under
//! attack is its owner on a device that the account does not know, until the window ends.
//!
//! Addresses are counted only where they are known: under an edge key, or from proxies that are trusted. Else all
//! clients behind an edge share its address, and one of them could keep all others out; so log-ins of strangers are
//! then counted by handle alone.

use std::time::Duration;

use sluicegate_contract::ids::AccountId;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::time::Timestamp;

use crate::auth::session::DeviceToken;
use crate::error::ApiError;
use crate::http::client::ClientAddress;
use crate::state::App;

const LOG_IN_WINDOW: Duration = Duration::from_mins(15);
const SIGN_UP_WINDOW: Duration = Duration::from_hours(1);

/// Counts a sign-up.
pub(crate) async fn sign_up(app: &App, client: &ClientAddress) -> Result<(), ApiError> {
    let Some(network) = client.network() else {
        return Ok(());
    };
    let most = app.config.attempts.sign_ups_by_address;
    let key = format!("sign-up:address:{network}");
    count(app, &key, SIGN_UP_WINDOW, most).await
}

/// A log-in that may go on.
pub(crate) struct Attempt {
    /// The account knows the device that it comes from.
    pub(crate) is_known_device: bool,
    /// What is forgotten if it is right.
    key: Option<String>,
}

/// Counts a log-in to an account, whether it exists or not; no handle if that cannot be one.
pub(crate) async fn log_in(
    app: &App,
    client: &ClientAddress,
    handle: Option<&str>,
    device: Option<&DeviceToken>,
) -> Result<Attempt, ApiError> {
    let most = app.config.attempts.log_ins_by_client;
    if let (Some(handle), Some(device)) = (handle, device)
        && app.sessions.knows_device(handle, &device.hash).await?
    {
        let key = format!("log-in:device:{}", hex::encode(device.hash));
        count(app, &key, LOG_IN_WINDOW, most).await?;
        return Ok(Attempt {
            is_known_device: true,
            key: Some(key),
        });
    }
    let key = handle.map(|handle| stranger_key(client, handle));
    if let Some(key) = &key {
        count(app, key, LOG_IN_WINDOW, most).await?;
    }
    strangers(app, client, handle).await?;
    Ok(Attempt {
        is_known_device: false,
        key,
    })
}

/// What strangers use up together.
async fn strangers(
    app: &App,
    client: &ClientAddress,
    handle: Option<&str>,
) -> Result<(), ApiError> {
    let Some(network) = client.network() else {
        return Ok(());
    };
    let limits = &app.config.attempts;
    let key = format!("log-in:address:{network}");
    count(app, &key, LOG_IN_WINDOW, limits.log_ins_by_address).await?;
    if let Some(handle) = handle {
        let key = handle_key(handle);
        count(app, &key, LOG_IN_WINDOW, limits.log_ins_by_handle).await?;
    }
    Ok(())
}

/// Counts an attempt to delete an account: who found a token must not guess the password with it.
pub(crate) async fn leave(app: &App, account: AccountId) -> Result<Attempt, ApiError> {
    let key = format!("leave:{account}");
    let most = app.config.attempts.log_ins_by_client;
    count(app, &key, LOG_IN_WINDOW, most).await?;
    Ok(Attempt {
        is_known_device: true,
        key: Some(key),
    })
}

/// The log-in was right. Failing is logged only: the client is in, and counts run out by themselves.
/// The count of the handle from everywhere stays: others may be guessing meanwhile.
pub(crate) async fn forget(app: &App, attempt: &Attempt) {
    let Some(key) = &attempt.key else { return };
    if let Err(error) = app.accounts.forget_attempts(key).await {
        tracing::warn!(%error, "could not set attempts back");
    }
}

/// By handle and address; by handle alone where addresses are not known.
fn stranger_key(client: &ClientAddress, handle: &str) -> String {
    match client.network() {
        Some(network) => format!("log-in:handle:{handle}:address:{network}"),
        None => handle_key(handle),
    }
}

fn handle_key(handle: &str) -> String {
    format!("log-in:handle:{handle}")
}

async fn count(app: &App, key: &str, window: Duration, most: u64) -> Result<(), ApiError> {
    let now = app.env.now();
    let (since, left) = fixed(now, window);
    let attempts = app.accounts.count_attempt(key, now, since).await?;
    if attempts <= most {
        return Ok(());
    }
    Err(ApiError::new(ProblemType::TooManyRequests)
        .detail("Too many attempts. Try again later.")
        .retry_after(left))
}

/// When the window that `now` is in began, and how many seconds are left of it, rounded up.
fn fixed(now: Timestamp, window: Duration) -> (Timestamp, u32) {
    let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    let gone = now.unix_ms().rem_euclid(window);
    let since = Timestamp::from_unix_ms(now.unix_ms().saturating_sub(gone)).unwrap_or(now);
    let left = window.saturating_sub(gone).saturating_add(999) / 1_000;
    (since, u32::try_from(left).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms).expect("in range")
    }

    #[test]
    fn windows_follow_each_other() {
        let minute = Duration::from_mins(1);
        assert_eq!(fixed(at(60_000), minute), (at(60_000), 60));
        assert_eq!(fixed(at(60_001), minute), (at(60_000), 60));
        assert_eq!(fixed(at(119_999), minute), (at(60_000), 1));
        assert_eq!(fixed(at(120_000), minute), (at(120_000), 60));
        assert_eq!(fixed(at(-1), minute), (at(-60_000), 1));
    }
}
