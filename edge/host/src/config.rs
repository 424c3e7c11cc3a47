//! What a host is told at start.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sluicegate_contract::proxies::Proxies;

use crate::traces::TraceSettings;

/// Everything a host needs; nothing else is read from the process.
#[derive(Clone)]
pub struct Config {
    /// The manifest. Paths in it are relative to its folder.
    pub app: PathBuf,
    /// Where `SPIN_VARIABLE_*` are looked up; usually the process's environment.
    pub environment: BTreeMap<String, String>,
    /// Where compiled components are kept between starts. `None`: compile at every start.
    pub cache_dir: Option<PathBuf>,
    /// What bounds the host.
    pub limits: Limits,
    /// Who is believed about clients' addresses.
    pub proxies: Proxies,
    /// Where spans go; `None`: nothing is traced.
    pub traces: Option<TraceSettings>,
}

impl Config {
    /// Runs `app` with the default limits, no cache and an empty environment.
    pub fn new(app: impl Into<PathBuf>) -> Self {
        Self {
            app: app.into(),
            environment: BTreeMap::new(),
            cache_dir: None,
            limits: Limits::default(),
            proxies: Proxies::default(),
            traces: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("app", &self.app)
            .field("environment", &"(hidden)")
            .field("cache_dir", &self.cache_dir)
            .field("limits", &self.limits)
            .field("proxies", &self.proxies)
            .field("traces", &self.traces)
            .finish()
    }
}

/// What bounds memory, time and concurrency.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests an instance serves before it is replaced.
    pub instance_uses: usize,
    /// Requests an instance serves at once. A trap fails all of them. What an instance remembers (tokens, keys,
    /// grants) serves as many, so fewer instances verify less.
    pub instance_concurrency: usize,
    /// The same for the component of [`Limits::upload_path`], whose requests are long and hold buffers.
    pub upload_concurrency: usize,
    /// How long an unused instance is kept.
    pub instance_idle: Duration,
    /// Bytes of linear memory of an instance.
    pub instance_memory: usize,
    /// From a request's arrival to the head of its response.
    pub request_timeout: Duration,
    /// The same for [`Limits::upload_path`]: long enough to send a whole upload.
    pub upload_timeout: Duration,
    /// The path whose requests count as uploads.
    pub upload_path: String,
    /// Processor time that a component may use without a byte moving. Whoever waits uses none.
    pub compute_timeout: Duration,
    /// How long a response body may take from its head to its end.
    pub body_timeout: Duration,
    /// How long a peer may let a transfer stand still.
    pub stall_timeout: Duration,
    /// Requests at once; more are refused with 503.
    pub requests: usize,
    /// Requests at once of one address; more are refused with 429.
    pub request_share: usize,
    /// The path whose requests, where they have no body, find a place when all others are taken.
    pub reserved_path: String,
    /// Uploads at once; more are refused with 503.
    pub uploads: usize,
    /// Uploads at once of one client; more are refused with 429. A client is whoever shows a certain token, and
    /// without one its address.
    pub upload_share: usize,
    /// Bytes of an upload that must come in each [`Limits::pace_window`].
    pub upload_pace_bytes: u64,
    /// The same of every other body.
    pub body_pace_bytes: u64,
    /// Only time in which the client is waited for counts. What comes too slowly is refused with 408.
    pub pace_window: Duration,
    /// Open client connections; more wait in the listener's queue.
    pub connections: usize,
    /// Open connections of one address; more are answered with 429 and closed. Trusted proxies have as many as they
    /// like: their clients share them.
    pub connection_share: usize,
    /// Bytes of a request's head; more is refused with 431, or 414 where the first line alone has more.
    pub header_bytes: usize,
    /// How long a client may take to send a request's head (408 beyond), and to stay idle between requests.
    pub header_timeout: Duration,
    /// How long requests may run on after the signal to end.
    pub drain: Duration,
}

impl Limits {
    /// Files the host may have open at once: a socket a client, one a request to what stands behind,
    /// and some for idle connections, the log and the engine.
    #[must_use]
    pub fn open_files(&self) -> u64 {
        const OTHERS: usize = 192;
        let files = self.connections.saturating_add(self.requests);
        u64::try_from(files.saturating_add(OTHERS)).unwrap_or(u64::MAX)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instance_uses: 10_000,
            instance_concurrency: 16,
            upload_concurrency: 4,
            instance_idle: Duration::from_mins(1),
            instance_memory: 64 << 20,
            request_timeout: Duration::from_mins(1),
            upload_timeout: Duration::from_mins(15),
            compute_timeout: Duration::from_secs(5),
            upload_path: "/v1/uploads".to_owned(),
            body_timeout: Duration::from_mins(15),
            stall_timeout: Duration::from_mins(1),
            requests: 1024,
            request_share: 256,
            reserved_path: "/healthz".to_owned(),
            uploads: 256,
            upload_share: 32,
            upload_pace_bytes: 60 << 10,
            body_pace_bytes: 1 << 10,
            pace_window: Duration::from_secs(30),
            connections: 4096,
            connection_share: 1024,
            header_bytes: 32 << 10,
            header_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        }
    }
}

/// Where compiled components are kept when no flag says so: under the data directory, else in the
/// user's cache directory. Never in a shared temporary directory: what lies there is run as code.
pub fn default_cache_dir(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let path = |name: &str| {
        environment
            .get(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    path("SLUICEGATE_DATA")
        .map(|data| data.join("cache/components"))
        .or_else(|| path("XDG_CACHE_HOME").map(|cache| cache.join("sluicegate/components")))
        .or_else(|| path("HOME").map(|home| home.join(".cache/sluicegate/components")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_is_under_the_data_directory_first() {
        let mut environment = BTreeMap::from([("HOME".to_owned(), "/home/ada".to_owned())]);
        assert_eq!(
            default_cache_dir(&environment),
            Some("/home/ada/.cache/sluicegate/components".into())
        );
        environment.insert("SLUICEGATE_DATA".to_owned(), "/data".to_owned());
        assert_eq!(
            default_cache_dir(&environment),
            Some("/data/cache/components".into())
        );
        assert_eq!(default_cache_dir(&BTreeMap::new()), None);
    }

    #[test]
    fn debug_shows_no_environment() {
        let mut config = Config::new("spin.toml");
        config
            .environment
            .insert("SPIN_VARIABLE_KEY".to_owned(), "hush".to_owned());
        assert!(!format!("{config:?}").contains("hush"));
    }
}
