//! HTTP clients: the one place that builds them.

use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::crypto::CryptoProvider;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const POOL_IDLE: Duration = Duration::from_secs(30);
const POOL_IDLE_PER_HOST: usize = 16;

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// The process has not chosen its TLS implementation; `main` does, before anything else.
    #[error("no TLS provider is installed in this process")]
    NoTlsProvider,
    /// The machine's root certificates could not be read, for instance.
    #[error("the HTTP client could not be built: {0}")]
    Build(#[from] reqwest::Error),
}

/// A client for the services that operators name: connects within 3 s, follows no redirects, takes no
/// proxy from the environment, keeps at most 16 idle connections a host for 30 s. Requests set their
/// own time-outs. Cheap to clone; all clones share connections.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn http_client() -> Result<Client, HttpClientError> {
    if CryptoProvider::get_default().is_none() {
        return Err(HttpClientError::NoTlsProvider);
    }
    let client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::none())
        .no_proxy()
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_IDLE_PER_HOST)
        .user_agent(concat!("sluicegate/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(client)
}
