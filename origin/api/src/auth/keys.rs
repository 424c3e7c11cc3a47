//! The keys that sign access tokens.
//!
//! With a secret there is one, shared with the edges. Without, keys are in the database: one signs, all of
//! them verify ([`sluicegate_core::signing`]), and any replica may add one.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jwt_simple::prelude::{Ed25519KeyPair, HS256Key};
use sha2::{Digest, Sha256};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::SigningKeyStore;
use sluicegate_core::session::SigningKey;
use sluicegate_core::signing::{Phase, phases, signing};
use tokio::sync::{Mutex, MutexGuard};

use super::previews::Root;
use crate::state::JwtSecret;

/// Keys are looked up again after this, so that a new one signs everywhere soon.
const KEEP: Duration = Duration::from_mins(5);
/// A key that is not known is looked up no more often than this, whatever tokens name.
const COOLDOWN: Duration = Duration::from_secs(5);
/// PKCS #8 of an Ed25519 key up to its 32 bytes of seed (RFC 8410, section 7).
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
];

pub(crate) enum Keyring {
    Secret(HS256Key),
    Stored(StoredKeys),
}

impl Keyring {
    pub(crate) fn secret(secret: &JwtSecret) -> Self {
        Self::Secret(HS256Key::from_bytes(secret.bytes()))
    }

    pub(crate) fn stored(env: Env, store: Arc<dyn SigningKeyStore>) -> Self {
        let loaded = RwLock::new(None);
        Self::Stored(StoredKeys {
            env,
            store,
            loaded,
            loading: Mutex::new(None),
        })
    }
}

/// Keys in the database, and a copy of them.
pub(crate) struct StoredKeys {
    env: Env,
    store: Arc<dyn SigningKeyStore>,
    loaded: RwLock<Option<Arc<KeySet>>>,
    /// Held by whoever looks them up; since when that has failed, if it did last.
    loading: Mutex<Option<Timestamp>>,
}

/// The keys as they were at one time; never empty.
pub(crate) struct KeySet {
    stored: Vec<SigningKey>,
    keys: Vec<KeyOf>,
    loaded_at: Timestamp,
}

/// A key and its name.
pub(crate) struct KeyOf {
    pub(crate) id: String,
    pub(crate) pair: Ed25519KeyPair,
    secret: Vec<u8>,
}

impl KeyOf {
    /// What other keys are derived from.
    pub(super) fn root(&self) -> Root<'_> {
        Root {
            id: &self.id,
            secret: &self.secret,
        }
    }
}

impl KeySet {
    pub(crate) fn all(&self) -> impl Iterator<Item = &KeyOf> {
        self.keys.iter()
    }

    /// The one that signs now: it may be another one than when the keys were loaded.
    fn signing(&self, now: Timestamp) -> Option<&KeyOf> {
        self.find(&signing(&self.stored, now)?.id)
    }

    pub(crate) fn find(&self, id: &str) -> Option<&KeyOf> {
        self.all().find(|key| key.id == id)
    }
}

impl StoredKeys {
    /// The keys; old ones while somebody looks them up and if the database cannot be asked, so that an outage neither ends
    /// sessions' tokens nor has requests wait for it one after the other.
    pub(crate) async fn current(&self) -> Result<Arc<KeySet>, PortError> {
        if let Some(keys) = self.copy(KEEP) {
            return Ok(keys);
        }
        match (self.loading.try_lock(), self.copy(Duration::MAX)) {
            (Err(_), Some(keys)) => Ok(keys),
            (Err(_), None) => self.no_older_than(KEEP).await,
            (Ok(failed), _) => self.look_up(failed).await,
        }
    }

    /// What `work` makes of the key that signs now.
    pub(crate) async fn with_signing<T>(
        &self,
        work: impl FnOnce(&KeyOf) -> T,
    ) -> Result<T, PortError> {
        let keys = self.current().await?;
        let key = keys.signing(self.env.now());
        let none = || PortError::failed("signing keys", "there is none, though one was just added");
        key.map(work).ok_or_else(none)
    }

    /// The keys as any replica may have changed them a moment ago.
    pub(crate) async fn fresh(&self) -> Result<Arc<KeySet>, PortError> {
        self.no_older_than(COOLDOWN).await
    }

    async fn no_older_than(&self, age: Duration) -> Result<Arc<KeySet>, PortError> {
        if let Some(keys) = self.copy(age) {
            return Ok(keys);
        }
        let failed = self.loading.lock().await;
        if let Some(keys) = self.copy(age) {
            return Ok(keys);
        }
        self.look_up(failed).await
    }

    /// Those known if it fails, and for a while after it did.
    async fn look_up(
        &self,
        mut failed: MutexGuard<'_, Option<Timestamp>>,
    ) -> Result<Arc<KeySet>, PortError> {
        let known = self.copy(Duration::MAX);
        if failed.is_some_and(|at| self.env.now().since(at) < COOLDOWN) {
            let none = || PortError::unavailable("signing keys", "they could not be looked up");
            return known.ok_or_else(none);
        }
        match self.load().await {
            Ok(keys) => {
                *failed = None;
                Ok(keys)
            }
            Err(error) => {
                *failed = Some(self.env.now());
                let Some(known) = known else {
                    return Err(error);
                };
                tracing::warn!(%error, "could not look up signing keys; using those known");
                Ok(known)
            }
        }
    }

    fn copy(&self, age: Duration) -> Option<Arc<KeySet>> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        let now = self.env.now();
        loaded
            .as_ref()
            .filter(|keys| now.since(keys.loaded_at) <= age)
            .map(Arc::clone)
    }

    async fn load(&self) -> Result<Arc<KeySet>, PortError> {
        let loaded_at = self.env.now();
        let mut stored = self.store.keys().await?;
        if stored.is_empty() {
            let first = new_signing_key(&self.env, loaded_at)?;
            self.store.add_first(&first).await?;
            stored = self.store.keys().await?;
        }
        let over = over(&stored, loaded_at);
        if !over.is_empty() {
            // Another replica may be first; if nobody can, the next look will.
            match self.store.delete(&over).await {
                Ok(()) => tracing::info!(?over, "signing keys are needed no more"),
                Err(error) => tracing::warn!(%error, "could not delete old signing keys"),
            }
            stored.retain(|key| !over.contains(&key.id));
        }
        let keys = Arc::new(KeySet {
            keys: stored.iter().map(read).collect::<Result<_, _>>()?,
            stored,
            loaded_at,
        });
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&keys));
        Ok(keys)
    }
}

/// The keys of which no token is good any more.
fn over(stored: &[SigningKey], now: Timestamp) -> Vec<String> {
    let phases = phases(stored, now);
    let over = stored.iter().zip(phases);
    over.filter(|(_, phase)| *phase == Phase::Over)
        .map(|(key, _)| key.id.clone())
        .collect()
}

fn read(stored: &SigningKey) -> Result<KeyOf, PortError> {
    let pair = Ed25519KeyPair::from_bytes(&stored.secret)
        .map_err(|error| PortError::failed("signing keys", error))?
        .with_key_id(&stored.id);
    Ok(KeyOf {
        id: stored.id.clone(),
        pair,
        secret: stored.secret.clone(),
    })
}

/// A new key that signs from then on, named by the start of its public half's hash.
pub fn new_signing_key(env: &Env, signs_from: Timestamp) -> Result<SigningKey, PortError> {
    let seed: [u8; 32] = env.random();
    let pair = Ed25519KeyPair::from_der(&[PKCS8_HEAD.as_slice(), &seed].concat())
        .map_err(|error| PortError::failed("signing keys", error))?;
    let hash = Sha256::digest(pair.public_key().to_bytes());
    let id = hex::encode(hash).chars().take(16).collect();
    Ok(SigningKey {
        id,
        secret: pair.to_bytes(),
        created_at: env.now(),
        signs_from,
    })
}
