//! What the API is given, and what it makes of it once at start.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::body::Bytes;
use sha2::{Digest, Sha256};
use sluicegate_contract::proxies::Proxies;
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::limits::Limits;
use sluicegate_core::moderation::ImageGate;
use sluicegate_core::observe::Observer;
use sluicegate_core::pictures::Pictures;
use sluicegate_core::ports::{
    AccountStore, AnswerStore, Detector, ObjectStore, PostStore, PublicCache, PublicReads,
    RequestLimiter, SessionStore, SigningKeyStore, UploadStore,
};
use sluicegate_core::text::TextPolicy;
use sluicegate_core::wake::Waker;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::caller::Caller;
use crate::auth::ended::Ended;
use crate::auth::keys::Keyring;
use crate::auth::passwords::Passwords;
use crate::auth::tokens::Tokens;
use crate::endpoints::openapi;
use crate::gate::Gate;
use crate::http::readings::Readings;
use crate::staging::Staging;
use crate::views::Eyes;
use crate::waiters::Waiters;

/// What the API is given. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// Time, randomness and ids.
    pub env: Env,
    /// Accounts and profiles, and the count of attempts.
    pub accounts: Arc<dyn AccountStore>,
    /// Sessions and their refresh tokens.
    pub sessions: Arc<dyn SessionStore>,
    /// The keys that sign access tokens; not asked where [`ApiConfig::jwt_secret`] is set.
    pub signing_keys: Arc<dyn SigningKeyStore>,
    /// Uploads and their pictures.
    pub uploads: Arc<dyn UploadStore>,
    /// Answers that are kept for repeated requests.
    pub answers: Arc<dyn AnswerStore>,
    /// Posts.
    pub posts: Arc<dyn PostStore>,
    /// What everybody may read of the two.
    pub reads: Arc<dyn PublicReads>,
    /// What strangers read is kept there for a moment.
    pub cache: Arc<dyn PublicCache>,
    /// Counts requests.
    pub limiter: Arc<dyn RequestLimiter>,
    /// Where files lie.
    pub objects: Arc<dyn ObjectStore>,
    /// Makes pictures that are asked for before a worker made them.
    pub pictures: Pictures,
    /// Judges pictures; asked by requests only where [`ApiConfig::image_sync`] is set.
    pub detector: Arc<dyn Detector>,
    /// The rules that a post must pass where [`ApiConfig::content_sync`] is set.
    pub text_policy: Arc<TextPolicy>,
    /// Tells workers and waiting clients what changed; the same one that `pictures` and the workers have.
    pub waker: Waker,
    /// Counts verdicts.
    pub observer: Arc<dyn Observer>,
    /// Ends long polls and event streams: clients come back, to another replica.
    pub shutdown: CancellationToken,
    /// What goes on though its client has left. Whoever serves the API waits for it before the process ends.
    pub tasks: TaskTracker,
    /// Settings.
    pub config: ApiConfig,
}

/// Settings of the API. [`ApiConfig::default`] holds the documented defaults and no secrets.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "settings of their own that are on or off"
)]
pub struct ApiConfig {
    /// `iss` of access tokens.
    pub issuer: String,
    /// `aud` of access tokens.
    pub audience: String,
    /// `JWT_SECRET`: signs with HS256 and publishes no keys. Without it: Ed25519, keys in the database.
    pub jwt_secret: Option<JwtSecret>,
    /// `EDGE_KEY`: what edges must show under `/edge/v1`, and to be believed about clients' addresses.
    pub edge_key: Option<EdgeKey>,
    /// `TRUSTED_PROXIES`: who is believed about clients' addresses without that key.
    pub proxies: Proxies,
    /// `MODERATION_IMAGE_ASYNC=false`: the detector is asked before `complete` answers. Without
    /// [`ApiConfig::image_checks`] there is nobody to ask, and uploads are completed as if it were off.
    pub image_sync: bool,
    /// Whether a picture detector is configured. Without one, a picture that is made is settled.
    pub image_checks: bool,
    /// `MODERATION_IMAGE_GATE`: who sees pictures that nobody has judged.
    pub image_gate: ImageGate,
    /// `MODERATION_CONTENT_ASYNC=false`: rules and duplicates may refuse a post before it is written.
    pub content_sync: bool,
    /// Whether clients can reach the store: they may ask for tickets of their own then.
    pub direct_uploads: bool,
    /// How many pictures all replicas together make at once because somebody asked for one.
    pub on_demand_cap: u32,
    /// How long a request for a picture that somebody else is making waits for it.
    pub on_demand_wait: Duration,
    /// How many passwords are hashed at once; each takes 19 MiB and a core.
    pub password_hashes: usize,
    /// How many uploads are judged at once before their `complete` answers.
    pub judged_completions: usize,
    /// How many long polls and event streams may wait at once; and, counted for itself, how many requests for
    /// pictures in the making.
    pub waiters: usize,
    /// How many long polls and event streams of one account may wait at once; further ones are answered at once.
    pub waiters_by_account: usize,
    /// How many attempts to log in or sign up are let through.
    pub attempts: AttemptLimits,
    /// What the contract bounds, or less.
    pub limits: Limits,
    /// Bytes that clients' files may take in the store before pictures are made of them; tickets beyond that are
    /// refused.
    pub staging_budget: u64,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            issuer: "sluicegate".to_owned(),
            audience: "sluicegate".to_owned(),
            jwt_secret: None,
            edge_key: None,
            proxies: Proxies::default(),
            image_sync: true,
            image_checks: false,
            image_gate: ImageGate::Open,
            content_sync: true,
            direct_uploads: false,
            on_demand_cap: 4,
            on_demand_wait: Duration::from_secs(10),
            password_hashes: std::thread::available_parallelism().map_or(2, usize::from),
            judged_completions: 4,
            waiters: 512,
            waiters_by_account: 8,
            attempts: AttemptLimits::default(),
            limits: Limits::default(),
            staging_budget: 20 * 1024 * 1024 * 1024,
        }
    }
}

/// How many attempts are let through; counted in the database, so for all replicas together.
#[derive(Debug, Clone, Copy)]
pub struct AttemptLimits {
    /// Log-ins by a device that the account knows, and log-ins of strangers by handle and address, in 15 minutes.
    /// By handle alone where addresses are not known. A right one sets the count back.
    pub log_ins_by_client: u64,
    /// Log-ins of strangers by handle in 15 minutes, from all addresses together, where those are known.
    pub log_ins_by_handle: u64,
    /// Log-ins of strangers by address in 15 minutes, where it is known.
    pub log_ins_by_address: u64,
    /// Sign-ups by address in an hour, where it is known.
    pub sign_ups_by_address: u64,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self {
            log_ins_by_client: 10,
            log_ins_by_handle: 100,
            log_ins_by_address: 100,
            sign_ups_by_address: 20,
        }
    }
}

/// A secret that is too short to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret must have at least {} bytes", JwtSecret::MIN_BYTES)]
pub struct WeakSecret;

/// The secret that signs access tokens (HS256). `Debug` shows nothing of it.
#[derive(Clone)]
pub struct JwtSecret(Vec<u8>);

impl JwtSecret {
    /// As many bytes as the hash has (RFC 7518, section 3.2).
    pub const MIN_BYTES: usize = 32;

    /// Refuses secrets of fewer than [`Self::MIN_BYTES`] bytes.
    pub fn new(secret: impl Into<Vec<u8>>) -> Result<Self, WeakSecret> {
        let secret = secret.into();
        if secret.len() < Self::MIN_BYTES {
            Err(WeakSecret)
        } else {
            Ok(Self(secret))
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(…)")
    }
}

/// The key that edges and origin share. Only its hash is kept; `Debug` shows nothing of it.
#[derive(Clone)]
pub struct EdgeKey([u8; 32]);

impl EdgeKey {
    /// Keeps the hash of the key.
    pub fn new(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Compares hashes: how long that takes tells nothing about the key.
    pub(crate) fn is(&self, presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.0 == presented
    }
}

impl fmt::Debug for EdgeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EdgeKey(…)")
    }
}

/// What handlers are given.
pub(crate) struct App {
    pub(crate) state: ApiState,
    pub(crate) tokens: Tokens,
    pub(crate) passwords: Passwords,
    pub(crate) judging: Gate,
    pub(crate) staging: Staging,
    /// Long polls and event streams.
    pub(crate) waiters: Arc<Waiters>,
    /// The API's own description, as it is served.
    pub(crate) openapi: Bytes,
    /// What strangers are reading from the database.
    pub(crate) readings: Readings,
    pub(crate) ended: Ended,
    /// Requests for pictures in the making: no number of long polls may keep them out.
    pub(crate) picture_waiters: Semaphore,
    /// It answered once since the start.
    pub(crate) store_was_seen: AtomicBool,
}

/// How many may wait in line for a password hash, as a multiple of those that run: at some 30 ms each
/// the last one is served within a second or two.
const HASH_LINE: usize = 32;
const HASH_PATIENCE: Duration = Duration::from_secs(5);
const JUDGING_LINE: usize = 8;
const JUDGING_PATIENCE: Duration = Duration::from_secs(20);

impl App {
    pub(crate) fn new(state: ApiState) -> Self {
        let config = &state.config;
        let keyring = match &config.jwt_secret {
            Some(secret) => Keyring::secret(secret),
            None => Keyring::stored(state.env.clone(), Arc::clone(&state.signing_keys)),
        };
        let hashing = Gate::new(config.password_hashes, HASH_LINE, HASH_PATIENCE);
        Self {
            tokens: Tokens::new(state.env.clone(), keyring, config),
            passwords: Passwords::new(state.env.clone(), hashing),
            judging: Gate::new(config.judged_completions, JUDGING_LINE, JUDGING_PATIENCE),
            staging: Staging::new(config.staging_budget),
            waiters: Arc::new(Waiters::new(config.waiters, config.waiters_by_account)),
            openapi: openapi::text().into(),
            readings: Readings::default(),
            ended: Ended::default(),
            picture_waiters: Semaphore::new(config.waiters),
            store_was_seen: AtomicBool::new(false),
            state,
        }
    }

    /// The eyes of somebody who showed a token.
    pub(crate) async fn eyes(&self, caller: &Caller) -> Result<Eyes, PortError> {
        Eyes::of(self, caller.account, caller.role).await
    }
}

impl std::ops::Deref for App {
    type Target = ApiState;

    fn deref(&self) -> &ApiState {
        &self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_neither_short_nor_shown() {
        assert!(JwtSecret::new("x".repeat(31)).is_err());
        let secret = JwtSecret::new("s".repeat(32)).expect("long enough");
        let config = ApiConfig {
            jwt_secret: Some(secret),
            edge_key: Some(EdgeKey::new("kkkkkkkk")),
            ..ApiConfig::default()
        };
        let shown = format!("{config:?}");
        assert!(!shown.contains("sss") && !shown.contains("kkk") && !shown.contains("115, 115"));
    }

    #[test]
    fn an_edge_key_knows_itself_only() {
        let key = EdgeKey::new("right");
        assert!(key.is(b"right"));
        assert!(!key.is(b"wrong") && !key.is(b"") && !key.is(b"right "));
    }
}
