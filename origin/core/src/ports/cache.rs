use std::sync::Arc;

use async_trait::async_trait;
use sluicegate_contract::ids::AccountId;

use crate::env::Env;
use crate::error::PortError;
use crate::outage::Outage;
use crate::public::{Change, Item};

/// The versions that something was read under. Only a cache makes and reads one. Whoever is given equal ones for an item may
/// be shown the same reading of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions(pub String);

/// What a cache has of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It, as it was put.
    Kept(Vec<u8>),
    /// Nothing. With versions, it may be put after it was read; without, it must not be kept now.
    Missing(Option<Versions>),
}

/// Keeps what everybody may read for [`KEPT_FOR`](crate::public::KEPT_FOR): see [`crate::public`]. It may lose anything at
/// any time, and forget more than it was told to. No error of it is anybody's but the log's.
#[async_trait]
pub trait PublicCache: Send + Sync {
    /// What is kept; else the versions to read it under.
    async fn get(&self, item: &Item) -> Result<Found, PortError>;

    /// Keeps what was read after [`get`](Self::get) gave these versions, of the account that it is of. If something that it
    /// hangs on changed since, nobody is ever shown it. What [is owned](Item::is_owned) is not kept without its owner.
    async fn put(
        &self,
        item: &Item,
        read_under: &Versions,
        owner: Option<AccountId>,
        content: &[u8],
    ) -> Result<(), PortError>;

    /// Called after a change is committed and before it is answered: nothing that was read before this is shown after it.
    /// Idempotent.
    async fn forget(&self, change: Change) -> Result<(), PortError>;
}

/// Keeps nothing.
pub struct NoCache;

#[async_trait]
impl PublicCache for NoCache {
    async fn get(&self, _: &Item) -> Result<Found, PortError> {
        Ok(Found::Missing(None))
    }

    async fn put(
        &self,
        _: &Item,
        _: &Versions,
        _: Option<AccountId>,
        _: &[u8],
    ) -> Result<(), PortError> {
        Ok(())
    }

    async fn forget(&self, _: Change) -> Result<(), PortError> {
        Ok(())
    }
}

/// A cache whose outages are told of once, each kind of call by itself: rights to some may be missing. While it is told of no
/// change, strangers see changes up to [`KEPT_FOR`](crate::public::KEPT_FOR) late, if others reach it.
pub struct AnnouncedCache {
    cache: Arc<dyn PublicCache>,
    asking: Outage,
    keeping: Outage,
    telling: Outage,
}

impl AnnouncedCache {
    /// Of this one.
    pub fn new(cache: Arc<dyn PublicCache>, env: Env) -> Self {
        Self {
            cache,
            asking: Outage::new(env.clone()),
            keeping: Outage::new(env.clone()),
            telling: Outage::new(env),
        }
    }
}

/// Says that an outage begins, or that it is over.
fn announce<T>(outage: &Outage, called: &Result<T, PortError>, out: &str, again: &str) {
    match called {
        Ok(_) if outage.went_well() => tracing::info!("{again}"),
        Err(error) if outage.failed() => tracing::warn!(%error, "{out}"),
        _ => {}
    }
}

#[async_trait]
impl PublicCache for AnnouncedCache {
    async fn get(&self, item: &Item) -> Result<Found, PortError> {
        let found = self.cache.get(item).await;
        let out = "the cache cannot be asked: what strangers read is read from the database";
        announce(&self.asking, &found, out, "the cache is asked again");
        found
    }

    async fn put(
        &self,
        item: &Item,
        read_under: &Versions,
        owner: Option<AccountId>,
        content: &[u8],
    ) -> Result<(), PortError> {
        let kept = self.cache.put(item, read_under, owner, content).await;
        let out = "the cache does not keep what it is given";
        announce(
            &self.keeping,
            &kept,
            out,
            "the cache keeps what it is given again",
        );
        kept
    }

    async fn forget(&self, change: Change) -> Result<(), PortError> {
        let told = self.cache.forget(change).await;
        let out = "the cache was not told of a change: strangers may see changes two seconds late";
        announce(
            &self.telling,
            &told,
            out,
            "the cache is told of changes again",
        );
        told
    }
}
