//! Who the client is, where proxies stand in front: which of them are believed, and which of the addresses
//! that they name is the client's.
//!
//! Each proxy adds the address of whoever it was asked by at the end of one header, so only the end of the
//! list is the proxies' own; what stands before it came from the client, who may write what they like. The
//! list is read from its end: addresses of trusted proxies are passed over, the first other one is the client's.

use std::net::IpAddr;
use std::str::FromStr;

/// More proxies in a row than this are not looked at.
const HOPS: usize = 32;

/// A block of addresses, `192.0.2.0/24` or `2001:db8::/32`; a single address is a block of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that names no block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidNetwork;

impl std::error::Error for InvalidNetwork {}

impl std::fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not an address or a block of addresses such as 10.0.0.0/8")
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| InvalidNetwork)?,
            None => longest,
        };
        if prefix > longest {
            return Err(InvalidNetwork);
        }
        Ok(Self { address, prefix })
    }
}

impl Network {
    /// Whether the address lies in the block. IPv4 addresses written as IPv6 count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(block), IpAddr::V4(address)) => {
                let differ = u32::from(block) ^ u32::from(address);
                differ.leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V6(block), IpAddr::V6(address)) => {
                let differ = u128::from(block) ^ u128::from(address);
                differ.leading_zeros() >= u32::from(self.prefix)
            }
            _ => false,
        }
    }
}

/// The header in which proxies name clients. Only one is read: a proxy that writes the one hands the other on
/// as the client sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

impl ForwardedHeader {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::XForwardedFor, Self::Forwarded];

    /// The header's name, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

impl FromStr for ForwardedHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|header| header.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| "must be x-forwarded-for or forwarded".to_owned())
    }
}

/// The proxies that are believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    /// Where they are. None: every peer is a client.
    pub trusted: Vec<Network>,
    /// What they write.
    pub header: ForwardedHeader,
}

impl Proxies {
    /// Whether a proxy is at that address.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|block| block.contains(address))
    }

    /// The client's address. `peer` is who holds the connection, `lines` are the values of
    /// [`Proxies::header`] in their order. A peer that is no proxy is the client, whatever it sends.
    ///
    /// `None` if a proxy names nobody: then the client is not known. A proxy whose list cannot be read
    /// stands for its client: nobody gets away from being counted by sending nonsense.
    pub fn client<'a>(
        &self,
        peer: IpAddr,
        lines: impl DoubleEndedIterator<Item = &'a str>,
    ) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return Some(peer);
        }
        let mut hops = 0;
        for line in lines.rev() {
            let named = match self.header {
                ForwardedHeader::XForwardedFor => Some(line.split(',').collect()),
                ForwardedHeader::Forwarded => elements(line),
            };
            for element in named.unwrap_or_else(|| vec![""]).into_iter().rev() {
                let address = match self.header {
                    ForwardedHeader::XForwardedFor => node(element),
                    ForwardedHeader::Forwarded => forwarded_for(element),
                };
                hops += 1;
                match address {
                    Some(address) if self.trusts(address) && hops < HOPS => {}
                    Some(address) => return Some(address),
                    None => return Some(peer),
                }
            }
        }
        None
    }
}

/// The comma-separated elements of a line; commas within quotes do not count. `None` if a quote stays open.
fn elements(line: &str) -> Option<Vec<&str>> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in line.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(line.get(begin..at)?);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(line.get(begin..)?);
    (!quoted).then_some(parts)
}

/// The `for` of an element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let value = element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    })?;
    node(value.trim().trim_matches('"'))
}

/// An address, perhaps in brackets, perhaps with a port.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let host = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => text.rsplit_once(':')?.0,
    };
    host.parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn client(header: ForwardedHeader, peer: &str, lines: &[&str]) -> Option<String> {
        let trusted =
            ["10.0.0.0/8", "2001:db8:1::/48"].map(|block| block.parse().expect("a block"));
        let proxies = Proxies {
            trusted: trusted.to_vec(),
            header,
        };
        let found = proxies.client(address(peer), lines.iter().copied());
        found.map(|address| address.to_string())
    }

    #[test]
    fn blocks_hold_what_begins_as_they_do() {
        let holds = |block: &str, text| block.parse::<Network>().map(|b| b.contains(address(text)));
        assert_eq!(holds("10.0.0.0/8", "10.255.0.1"), Ok(true));
        assert_eq!(holds("10.0.0.0/8", "::ffff:10.1.1.1"), Ok(true));
        assert_eq!(holds("10.0.0.0/8", "11.0.0.1"), Ok(false));
        assert_eq!(holds("192.0.2.7", "192.0.2.7"), Ok(true));
        assert_eq!(holds("192.0.2.7", "192.0.2.6"), Ok(false));
        assert_eq!(holds("0.0.0.0/0", "192.0.2.6"), Ok(true));
        assert_eq!(holds("0.0.0.0/0", "2001:db8::1"), Ok(false));
        assert_eq!(holds("2001:db8::/32", "2001:db8:9::1"), Ok(true));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "all"] {
            assert_eq!(bad.parse::<Network>(), Err(InvalidNetwork), "{bad}");
        }
    }

    #[test]
    fn whoever_is_no_proxy_is_the_client() {
        let x = ForwardedHeader::XForwardedFor;
        let spoofed = client(x, "192.0.2.1", &["198.51.100.9"]);
        assert_eq!(spoofed.as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn the_last_address_that_is_no_proxys_is_the_clients() {
        let x = ForwardedHeader::XForwardedFor;
        for (lines, expected) in [
            (&["198.51.100.9"][..], Some("198.51.100.9")),
            (&["6.6.6.6, 198.51.100.9"], Some("198.51.100.9")),
            (&["6.6.6.6", "198.51.100.9, 10.2.0.1"], Some("198.51.100.9")),
            (&["6.6.6.6, 198.51.100.9", "10.2.0.1"], Some("198.51.100.9")),
            (&["10.9.9.9, 198.51.100.9:4711"], Some("198.51.100.9")),
            (&["[2001:db8:2::7]:80"], Some("2001:db8:2::7")),
            (&["2001:db8:2::7, 2001:db8:1::9"], Some("2001:db8:2::7")),
            (&["198.51.100.9, nonsense"], Some("10.0.0.1")),
            (&[""], Some("10.0.0.1")),
            (&["10.3.0.1"], None),
            (&[], None),
        ] {
            let found = client(x, "10.0.0.1", lines);
            assert_eq!(found.as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_with_its_quotes() {
        let f = ForwardedHeader::Forwarded;
        for (line, expected) in [
            ("for=198.51.100.9", Some("198.51.100.9")),
            (
                "For=\"[2001:db8:2::7]:80\";proto=https",
                Some("2001:db8:2::7"),
            ),
            (
                "for=6.6.6.6, by=10.0.0.9;for=198.51.100.9",
                Some("198.51.100.9"),
            ),
            (
                "for=\"6.6.6.6, for=7.7.7.7\", for=198.51.100.9",
                Some("198.51.100.9"),
            ),
            ("for=198.51.100.9, for=10.0.0.7", Some("198.51.100.9")),
            ("for=\"6.6.6.6, for=198.51.100.9", Some("10.0.0.1")),
            ("for=198.51.100.9, for=_hidden", Some("10.0.0.1")),
            ("for=198.51.100.9, proto=http", Some("10.0.0.1")),
        ] {
            let found = client(f, "10.0.0.1", &[line]);
            assert_eq!(found.as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn a_long_list_of_proxies_ends() {
        let line = vec!["10.0.0.2"; 1_000].join(",");
        let found = client(ForwardedHeader::XForwardedFor, "10.0.0.1", &[&line]);
        assert_eq!(found.as_deref(), Some("10.0.0.2"));
    }
}
