//! The keys that sign access tokens.
//!
//! With a secret there is one, shared with the edges. Without, keys are in the database: the newest
//! signs, all of them verify, and any replica may add one.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jwt_simple::prelude::{Ed25519KeyPair, HS256Key};
use sha2::{Digest, Sha256};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::SigningKeyStore;
use sluicegate_core::session::SigningKey;
use tokio::sync::Mutex;

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
            loading: Mutex::new(()),
        })
    }
}

/// Keys in the database, and a copy of them.
pub(crate) struct StoredKeys {
    env: Env,
    store: Arc<dyn SigningKeyStore>,
    loaded: RwLock<Option<Arc<KeySet>>>,
    loading: Mutex<()>,
}

/// The keys as they were at one time, the newest first; never empty.
pub(crate) struct KeySet {
    pub(crate) newest: KeyOf,
    older: Vec<KeyOf>,
    loaded_at: Timestamp,
}

/// A key and its name.
pub(crate) struct KeyOf {
    pub(crate) id: String,
    pub(crate) pair: Ed25519KeyPair,
}

impl KeySet {
    pub(crate) fn all(&self) -> impl Iterator<Item = &KeyOf> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    pub(crate) fn find(&self, id: &str) -> Option<&KeyOf> {
        self.all().find(|key| key.id == id)
    }
}

impl StoredKeys {
    /// The keys; old ones if the database cannot be asked, so that an outage does not end sessions' tokens.
    pub(crate) async fn current(&self) -> Result<Arc<KeySet>, PortError> {
        self.no_older_than(KEEP).await
    }

    /// The keys as any replica may have changed them a moment ago.
    pub(crate) async fn fresh(&self) -> Result<Arc<KeySet>, PortError> {
        self.no_older_than(COOLDOWN).await
    }

    async fn no_older_than(&self, age: Duration) -> Result<Arc<KeySet>, PortError> {
        if let Some(keys) = self.copy(age) {
            return Ok(keys);
        }
        let _alone = self.loading.lock().await;
        if let Some(keys) = self.copy(age) {
            return Ok(keys);
        }
        match self.load().await {
            Ok(keys) => Ok(keys),
            Err(error) => match self.copy(Duration::MAX) {
                Some(keys) => {
                    tracing::warn!(%error, "could not look up signing keys; using those known");
                    Ok(keys)
                }
                None => Err(error),
            },
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
            self.store.add_first(&new_key(&self.env)?).await?;
            stored = self.store.keys().await?;
        }
        let mut keys = stored
            .iter()
            .map(read)
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        let newest = keys.next().ok_or_else(|| {
            PortError::failed("signing keys", "there is none, though one was just added")
        })?;
        let keys = Arc::new(KeySet {
            newest,
            older: keys.collect(),
            loaded_at,
        });
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&keys));
        Ok(keys)
    }
}

fn read(stored: &SigningKey) -> Result<KeyOf, PortError> {
    let pair = Ed25519KeyPair::from_bytes(&stored.secret)
        .map_err(|error| PortError::failed("signing keys", error))?
        .with_key_id(&stored.id);
    Ok(KeyOf {
        id: stored.id.clone(),
        pair,
    })
}

/// A new key, named by the start of its public half's hash.
fn new_key(env: &Env) -> Result<SigningKey, PortError> {
    let seed: [u8; 32] = env.random();
    let pair = Ed25519KeyPair::from_der(&[PKCS8_HEAD.as_slice(), &seed].concat())
        .map_err(|error| PortError::failed("signing keys", error))?;
    let hash = Sha256::digest(pair.public_key().to_bytes());
    let id = hex::encode(hash).chars().take(16).collect();
    Ok(SigningKey {
        id,
        secret: pair.to_bytes(),
        created_at: env.now(),
    })
}
