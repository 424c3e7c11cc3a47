//! Sessions: an access token, and a refresh token to get the next one.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use sluicegate_contract::accounts as wire;
use sluicegate_contract::ids::{AccountId, SessionId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::account::Account;
use sluicegate_core::answer::RequestName;
use sluicegate_core::env::Env;
use sluicegate_core::ports::StartSessionError;
use sluicegate_core::session::{NewSession, RefreshHash};

use crate::error::ApiError;
use crate::http::idempotency::refused;
use crate::state::App;
use crate::views::Eyes;

/// How long a session lives after its last refresh.
const LIFETIME: Duration = Duration::from_hours(30 * 24);
const TOKEN_BYTES: usize = 32;

/// When a session ends if nobody refreshes it again.
pub(crate) fn end_of(now: Timestamp) -> Timestamp {
    now.plus(LIFETIME)
}

/// A refresh token: what the client keeps, and the hash that we keep.
pub(crate) struct RefreshToken {
    pub(crate) text: String,
    pub(crate) hash: RefreshHash,
}

impl RefreshToken {
    pub(crate) fn new(env: &Env) -> Self {
        let bytes: [u8; TOKEN_BYTES] = env.random();
        Self {
            text: URL_SAFE_NO_PAD.encode(bytes),
            hash: Sha256::digest(bytes).into(),
        }
    }

    /// One that a client sent; `None` if it cannot be one.
    pub(crate) fn presented(text: String) -> Option<Self> {
        let hash = Self::hash_of(&text)?;
        Some(Self { text, hash })
    }

    /// The hash of a token that a client sent; `None` if it cannot be one.
    pub(crate) fn hash_of(text: &str) -> Option<RefreshHash> {
        let bytes: Vec<u8> = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == TOKEN_BYTES).then(|| Sha256::digest(bytes).into())
    }
}

/// What a client keeps when its session ends, so that the account knows the device again. Made like a refresh
/// token, and good for nothing else.
pub(crate) type DeviceToken = RefreshToken;

/// A session to be stored, and its first refresh token.
pub(crate) fn new(
    env: &Env,
    account: AccountId,
    device: &DeviceToken,
) -> (NewSession, RefreshToken) {
    let refresh = RefreshToken::new(env);
    let now = env.now();
    let session = NewSession {
        id: SessionId(env.new_id()),
        account,
        refresh: refresh.hash,
        device: device.hash,
        created_at: now,
        expires_at: end_of(now),
    };
    (session, refresh)
}

/// Starts a session. Under a name that was given before it goes on with the one that began then, with new tokens: the first
/// ones are not kept, and may never have arrived.
pub(crate) async fn start(
    app: &App,
    account: Account,
    device: DeviceToken,
    name: Option<&RequestName>,
) -> Result<wire::Session, ApiError> {
    let (new, refresh) = new(&app.env, account.id, &device);
    let id = match name {
        None => app.sessions.start(&new).await.map(|()| new.id)?,
        Some(name) => match app.sessions.start_once(&new, name).await {
            Ok(id) => id,
            Err(StartSessionError::Repeated(repeat)) => return Err(refused(&repeat)),
            Err(StartSessionError::Port(error)) => return Err(error.into()),
        },
    };
    begin(app, account, id, refresh, device).await
}

/// What the client is given when a session begins.
pub(crate) async fn begin(
    app: &App,
    account: Account,
    session: SessionId,
    refresh: RefreshToken,
    device: DeviceToken,
) -> Result<wire::Session, ApiError> {
    Ok(wire::Session {
        device_token: Some(device.text),
        ..grant(app, account, session, refresh).await?
    })
}

/// What the client is given when it goes on.
pub(crate) async fn grant(
    app: &App,
    account: Account,
    session: SessionId,
    refresh: RefreshToken,
) -> Result<wire::Session, ApiError> {
    let eyes = Eyes::of(app, account.id, account.role).await?;
    Ok(wire::Session {
        access_token: app.tokens.issue(account.id, account.role, session).await?,
        refresh_token: refresh.text,
        token_type: "Bearer".to_owned(),
        expires_in: app.config.limits.access_token_lifetime.as_secs(),
        account: eyes.account(account),
        device_token: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_of_the_right_shape_are_hashed() {
        let text = URL_SAFE_NO_PAD.encode([5; TOKEN_BYTES]);
        assert_eq!(
            RefreshToken::hash_of(&text),
            Some(Sha256::digest([5; TOKEN_BYTES]).into())
        );
        for bad in ["", "short", &format!("{text}="), &"A".repeat(5_000)] {
            assert!(
                RefreshToken::hash_of(bad).is_none(),
                "{bad:?} must be refused"
            );
        }
    }
}
