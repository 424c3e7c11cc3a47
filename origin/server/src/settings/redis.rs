//! The queue on Redis, and what origins share there.

use sluicegate_redis_address::RedisAddress;

use super::Secret;
use super::reader::Reader;

/// Where strangers' reads are kept for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicCaching {
    /// On the Redis that origins share; nowhere without one.
    Shared,
    /// In memory: there is no other process.
    Process,
    /// Nowhere.
    Off,
}

/// Where what is.
#[derive(Default)]
pub(super) struct Redis {
    pub(super) queue: Option<RedisAddress>,
    /// In a Redis of its own, or beside the queue.
    pub(super) shared: Option<RedisAddress>,
}

const CA: &str = "REDIS_CA_FILE";
const QUEUE: &str = "REDIS_URL";
const CACHE: &str = "REDIS_CACHE_URL";

/// The certificates are read with the settings, so that a mistake is told with all others.
pub(super) fn redis(reader: &mut Reader<'_>) -> Redis {
    let (queue, cache) = (reader.secret(QUEUE), reader.secret(CACHE));
    let ca = match reader.path(CA) {
        None => None,
        Some(path) => match std::fs::read(&path) {
            Ok(ca) => Some(ca),
            Err(error) => {
                let rule = format!("cannot be read: {}: {error}", path.display());
                reader.wrong(CA, rule);
                None
            }
        },
    };
    if queue.is_none() && cache.is_none() {
        if ca.is_some() {
            reader.wrong(QUEUE, "is missing: REDIS_CA_FILE signs its certificate");
        }
        return Redis::default();
    }
    let mut parse = |name, url: Option<Secret>| {
        // Errors never hold the URL.
        RedisAddress::parse(url?.expose(), ca.clone())
            .map_err(|error| reader.wrong(name, format!("is no address of Redis: {error}")))
            .ok()
    };
    let queue = parse(QUEUE, queue);
    let cache = parse(CACHE, cache);
    Redis {
        shared: cache.or_else(|| queue.clone()),
        queue,
    }
}

/// Where strangers' reads are kept.
pub(super) fn caching(reader: &mut Reader<'_>) -> PublicCaching {
    let places = [
        ("shared", PublicCaching::Shared),
        ("process", PublicCaching::Process),
        ("off", PublicCaching::Off),
    ];
    let chosen = reader.choice("PUBLIC_CACHE", "shared", &places);
    chosen.unwrap_or(PublicCaching::Off)
}
