//! Who is at the other end: an edge, and the client behind it.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use sluicegate_contract::headers;
use sluicegate_contract::problem::ProblemType;

use crate::error::ApiError;
use crate::state::App;

/// Whether the request carries the edge key that is configured.
fn is_edge(parts: &Parts, app: &App) -> bool {
    match (&app.config.edge_key, parts.headers.get(headers::EDGE_KEY)) {
        (Some(key), Some(presented)) => key.is(presented.as_bytes()),
        _ => false,
    }
}

/// Lets edges through: with the right key where one is configured, everybody else without one.
pub(crate) struct Edge;

impl FromRequestParts<Arc<App>> for Edge {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        if app.config.edge_key.is_none() || is_edge(parts, app) {
            return Ok(Self);
        }
        Err(ApiError::new(ProblemType::Forbidden).detail("Only edges may ask for this."))
    }
}

/// Where the client is: as an edge says that shows the key, or a proxy that is trusted, else the peer's address.
/// `None` where it is not known: no key and no proxies are set, so that the peer may be an edge that all clients
/// share; or whoever is believed says nothing.
pub(crate) struct ClientAddress(Option<IpAddr>, Option<String>);

impl ClientAddress {
    /// What attempts are counted by: an IPv4 address, or the /64 that an IPv6 host can choose from.
    pub(crate) fn network(&self) -> Option<&str> {
        self.1.as_deref()
    }

    /// Whether it is this machine's.
    pub(crate) fn is_ours(&self) -> bool {
        self.0.is_some_and(|address| address.is_loopback())
    }
}

fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            format!("{}/64", Ipv6Addr::from(network))
        }
    }
}

impl FromRequestParts<Arc<App>> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let address = if is_edge(parts, app) {
            told(parts)
        } else {
            behind(parts, app)
        };
        let address = address.map(|address| address.to_canonical());
        Ok(Self(address, address.map(network)))
    }
}

/// What an edge says. Without it, the edge's own address would be that of all its clients.
fn told(parts: &Parts) -> Option<IpAddr> {
    let address = parts.headers.get(headers::CLIENT_ADDRESS)?;
    address.to_str().ok()?.parse().ok()
}

/// Who is at the end of the chain of proxies that are trusted.
fn behind(parts: &Parts, app: &App) -> Option<IpAddr> {
    let proxies = &app.config.proxies;
    if app.config.edge_key.is_none() && proxies.trusted.is_empty() {
        return None;
    }
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    let lines = parts.headers.get_all(proxies.header.as_str()).iter();
    proxies.client(
        peer.ip(),
        lines.map(|line| line.to_str().unwrap_or_default()),
    )
}

#[cfg(test)]
mod tests {
    fn network(address: &str) -> String {
        super::network(address.parse().expect("an address"))
    }

    #[test]
    fn hosts_cannot_choose_another_network() {
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::9"), network("2001:db8:1:2:3:4:5:6"));
        assert_ne!(network("2001:db8:1:3::9"), network("2001:db8:1:2::9"));
    }
}
