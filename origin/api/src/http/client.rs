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

/// Where the client is: as the edge says if it shows the key, else the peer's address. `None` where no key
/// is configured: then the peer may be an edge that all clients share.
pub(crate) struct ClientAddress(Option<String>);

impl ClientAddress {
    /// What attempts are counted by: an IPv4 address, or the /64 that an IPv6 host can choose from.
    pub(crate) fn network(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

fn network(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            format!("{}/64", Ipv6Addr::from(network))
        }
        None => "unknown".to_owned(),
    }
}

impl FromRequestParts<Arc<App>> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        if app.config.edge_key.is_none() {
            return Ok(Self(None));
        }
        let told = || {
            parts
                .headers
                .get(headers::CLIENT_ADDRESS)?
                .to_str()
                .ok()?
                .parse()
                .ok()
        };
        let peer = || {
            parts
                .extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|peer| peer.0.ip())
        };
        let address = if is_edge(parts, app) {
            told().or_else(peer)
        } else {
            peer()
        };
        Ok(Self(Some(network(address))))
    }
}

#[cfg(test)]
mod tests {
    fn network(address: &str) -> String {
        super::network(Some(address.parse().expect("an address")))
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
