//! Tells components who the client is.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};
use sluicegate_contract::proxies::Proxies;

const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("spin-client-addr");

/// The peer's address, or what trusted proxies say; `None` where these name nobody.
pub(super) fn client_of(
    headers: &HeaderMap,
    peer: SocketAddr,
    proxies: &Proxies,
) -> Option<IpAddr> {
    let lines = headers.get_all(proxies.header.as_str()).iter();
    proxies.client(
        peer.ip(),
        lines.map(|line| line.to_str().unwrap_or_default()),
    )
}

/// `spin-*` headers are the host's to set: what a client sends of them is dropped, and the address set where it is
/// known.
pub(super) fn name_client(headers: &mut HeaderMap, peer: SocketAddr, client: Option<IpAddr>) {
    let forged: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("spin-"))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
    let Some(client) = client else { return };
    let address = if client == peer.ip().to_canonical() {
        peer.to_string()
    } else {
        client.to_string()
    };
    if let Ok(value) = HeaderValue::try_from(address) {
        headers.insert(CLIENT_ADDRESS, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(peer: &str, sent: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let proxies = Proxies {
            trusted: vec!["10.0.0.0/8".parse().unwrap()],
            ..Proxies::default()
        };
        let peer = peer.parse().unwrap();
        let client = client_of(&headers, peer, &proxies);
        name_client(&mut headers, peer, client);
        headers
    }

    #[test]
    fn clients_cannot_set_the_hosts_headers() {
        let headers = named(
            "127.0.0.1:3000",
            &[
                ("spin-client-addr", "9.9.9.9"),
                ("spin-client-addr", "8.8.8.8"),
                ("spin-full-url", "x"),
                ("x-forwarded-for", "7.7.7.7"),
            ],
        );
        assert_eq!(headers.len(), 2);
        assert_eq!(headers["spin-client-addr"], "127.0.0.1:3000");
    }

    #[test]
    fn trusted_proxies_name_the_client() {
        let forwarded = ("x-forwarded-for", "6.6.6.6, 198.51.100.9, 10.0.0.2");
        let headers = named(
            "10.0.0.1:3000",
            &[forwarded, ("spin-client-addr", "9.9.9.9")],
        );
        assert_eq!(headers["spin-client-addr"], "198.51.100.9");
        assert!(!named("10.0.0.1:3000", &[]).contains_key("spin-client-addr"));
    }
}
