//! Where a component may send requests: the manifest's `allowed_outbound_hosts`, read as Spin reads them.

use std::net::IpAddr;

use http::Uri;

/// The hosts a component may talk to. None by default.
#[derive(Debug, Clone, Default)]
pub struct AllowedHosts(Vec<AllowedHost>);

impl AllowedHosts {
    /// From parsed entries.
    pub fn new(hosts: Vec<AllowedHost>) -> Self {
        Self(hosts)
    }

    /// Whether a request to `uri` (absolute, `http` or `https`) may be sent.
    pub fn allows(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return false;
        };
        // Names in front of '@' are not part of where a request goes; nothing of ours uses them.
        if authority.as_str().contains('@') {
            return false;
        }
        let Some(port) = authority.port_u16().or_else(|| default_port(scheme)) else {
            return false;
        };
        let host = authority.host().to_ascii_lowercase();
        self.0
            .iter()
            .any(|allowed| allowed.allows(scheme, &host, port))
    }
}

/// One entry: `<scheme>://<host>[:<port>]` with wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    scheme: Option<String>,
    host: Host,
    port: Ports,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    /// `.example.com`
    Below(String),
    Exact(String),
    Network(IpAddr, u32),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Ports {
    Any,
    One(u16),
    /// The end is not part of it, as in Spin.
    Range(u16, u16),
}

impl AllowedHost {
    /// Reads an entry; the error says what is wrong, without repeating the entry.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(
            "has no scheme: it must be <scheme>://<host>[:<port>], with '*' allowed for each",
        )?;
        if !matches!(scheme, "*" | "http" | "https") {
            return Err("has a scheme other than http and https".to_owned());
        }
        if scheme == "https" {
            return Err(
                "has the scheme https: this host sends plain http only, and TLS is terminated \
                        by what stands in between"
                    .to_owned(),
            );
        }
        let (host, port) = split_port(rest)?;
        Ok(Self {
            scheme: (scheme != "*").then(|| scheme.to_owned()),
            host: Host::parse(&host.to_ascii_lowercase())?,
            port: Ports::parse(port, scheme)?,
        })
    }

    fn allows(&self, scheme: &str, host: &str, port: u16) -> bool {
        self.scheme.as_deref().is_none_or(|only| only == scheme)
            && self.host.allows(host)
            && self.port.allows(port)
    }
}

/// Host and port of what follows `://`; an IPv6 address stands in brackets, a network has a slash.
fn split_port(rest: &str) -> Result<(&str, &str), String> {
    let after_host = rest.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match rest.get(after_host..).and_then(|tail| tail.rfind(':')) {
        Some(colon) => {
            let (host, port) = rest.split_at(after_host + colon);
            (host, port.trim_start_matches(':'))
        }
        None => (rest, ""),
    };
    let (port, path) = port.split_once('/').unwrap_or((port, ""));
    if path.is_empty() {
        Ok((host, port))
    } else {
        Err("has a path".to_owned())
    }
}

impl Host {
    fn parse(host: &str) -> Result<Self, String> {
        if host == "*" {
            return Ok(Self::Any);
        }
        if host == "self" || host == "self.alt" || host.ends_with("spin.internal") {
            return Err("names another component: service chaining is not supported".to_owned());
        }
        if let Some((network, bits)) = host.split_once('/')
            && let (Ok(address), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>())
        {
            let width = if address.is_ipv4() { 32 } else { 128 };
            return if bits <= width {
                Ok(Self::Network(address, bits))
            } else {
                Err("has a network with too many bits".to_owned())
            };
        }
        let host = host.trim_end_matches('/');
        if let Some(domain) = host.strip_prefix("*.")
            && !domain.is_empty()
            && !domain.contains(['*', '/'])
        {
            return Ok(Self::Below(format!(".{domain}")));
        }
        if host.is_empty() || host.contains(['*', '/', '{', '}', '@', ' ']) {
            return Err("has a host that is not a name, an address, '*' or '*.<name>'".to_owned());
        }
        Ok(Self::Exact(host.to_owned()))
    }

    fn allows(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Below(suffix) => host.ends_with(suffix.as_str()),
            Self::Exact(only) => only == host,
            Self::Network(network, bits) => host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| in_network(*network, *bits, address)),
        }
    }
}

fn in_network(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    let head = |value: u128, width: u32| {
        value
            .checked_shr(width.saturating_sub(bits))
            .unwrap_or_default()
    };
    match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            head(u128::from(a.to_bits()), 32) == head(u128::from(b.to_bits()), 32)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => head(a.to_bits(), 128) == head(b.to_bits(), 128),
        _ => false,
    }
}

impl Ports {
    fn parse(port: &str, scheme: &str) -> Result<Self, String> {
        if port == "*" {
            return Ok(Self::Any);
        }
        if port.is_empty() {
            return default_port(scheme)
                .map(Self::One)
                .ok_or_else(|| "needs a port where the scheme is '*'".to_owned());
        }
        let number = |text: &str| {
            text.parse::<u16>()
                .map_err(|_| "has a port that is not a number".to_owned())
        };
        match port.split_once("..") {
            Some((start, end)) => Ok(Self::Range(number(start)?, number(end)?)),
            None => Ok(Self::One(number(port)?)),
        }
    }

    fn allows(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::One(only) => *only == port,
            Self::Range(start, end) => (*start..*end).contains(&port),
        }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entry: &str, uri: &str) -> bool {
        AllowedHosts::new(vec![AllowedHost::parse(entry).unwrap()]).allows(&uri.parse().unwrap())
    }

    #[test]
    fn scheme_host_and_port_all_count() {
        assert!(allows("http://origin", "http://origin/x?y"));
        assert!(allows("http://origin", "http://ORIGIN:80/"));
        assert!(!allows("http://origin", "http://origin:8080/"));
        assert!(!allows("http://origin", "https://origin/"));
        assert!(!allows("http://origin", "http://origin.evil/"));
        assert!(allows("http://127.0.0.1:8080/", "http://127.0.0.1:8080/"));
        assert!(allows("http://[::1]:8080", "http://[::1]:8080/"));
    }

    #[test]
    fn wildcards() {
        assert!(allows("http://127.0.0.1:*", "http://127.0.0.1:9/"));
        assert!(!allows("http://127.0.0.1:*", "http://127.0.0.2:9/"));
        assert!(allows("*://*:*", "https://anything:1/"));
        assert!(allows("http://*.example.com", "http://a.b.example.com/"));
        assert!(!allows("http://*.example.com", "http://example.com/"));
        assert!(!allows("http://*.example.com", "http://badexample.com/"));
        assert!(allows("http://h:8000..8010", "http://h:8009/"));
        assert!(!allows("http://h:8000..8010", "http://h:8010/"));
    }

    #[test]
    fn networks() {
        assert!(allows("http://10.0.0.0/8:*", "http://10.9.8.7:1/"));
        assert!(!allows("http://10.0.0.0/8:*", "http://11.0.0.1:1/"));
        assert!(allows("http://0.0.0.0/0:*", "http://11.0.0.1:1/"));
        assert!(!allows("http://10.0.0.0/8:*", "http://localhost:1/"));
        assert!(!allows("http://10.0.0.0/8:*", "http://[::1]:1/"));
    }

    #[test]
    fn names_before_an_at_sign_are_never_allowed() {
        assert!(!allows("*://*:*", "http://origin@evil/"));
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        assert!(!AllowedHosts::default().allows(&"http://origin/".parse().unwrap()));
    }

    #[test]
    fn refuses_what_it_cannot_mean() {
        for bad in [
            "",
            "*",
            "origin",
            "redis://127.0.0.1:*",
            "https://store",
            "https://127.0.0.1:9000",
            "http://",
            "http://a*b",
            "http://*.*",
            "http://h:x",
            "http://h:1/path",
            "http://h/path",
            "*://h",
            "http://self",
            "http://hello.spin.internal",
            "http://10.0.0.0/64",
            "http://{a,b}",
            "http://a@b",
        ] {
            assert!(AllowedHost::parse(bad).is_err(), "{bad}");
        }
    }
}
