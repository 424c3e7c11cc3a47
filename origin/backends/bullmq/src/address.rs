//! Where Redis is.

use std::fmt;

use bullmq::options::{RedisConnectionOptions, TlsCerts};
use redis::{ConnectionAddr, IntoConnectionInfo};

/// One server, or nodes of a cluster. Holds passwords: shows none.
#[derive(Clone)]
pub struct RedisAddress {
    urls: Vec<String>,
    ca: Option<Vec<u8>>,
    shown: String,
}

/// Why a text is no address of Redis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not of the form.
    #[error(
        "not a URL of the form redis://[user:password@]host:port[/database], or rediss:// for TLS"
    )]
    NotAUrl,
    /// A cluster has one database.
    #[error("nodes of a cluster have no database number")]
    DatabaseOfCluster,
}

impl RedisAddress {
    /// Parses `redis://[user:password@]host:port[/database]`, `rediss://…` for TLS; several with commas between them are
    /// nodes of one cluster. `ca` are certificates (PEM) that sign the server's; without them it must be
    /// signed by a public authority.
    pub fn parse(text: &str, ca: Option<Vec<u8>>) -> Result<Self, AddressError> {
        let urls: Vec<String> = text.split(',').map(|url| url.trim().to_owned()).collect();
        let mut shown = Vec::new();
        for url in &urls {
            if !url.starts_with("redis://") && !url.starts_with("rediss://") {
                return Err(AddressError::NotAUrl);
            }
            let info = url
                .as_str()
                .into_connection_info()
                .map_err(|_| AddressError::NotAUrl)?;
            if urls.len() > 1 && info.redis_settings().db() != 0 {
                return Err(AddressError::DatabaseOfCluster);
            }
            shown.push(match info.addr() {
                ConnectionAddr::Tcp(host, port) => format!("redis://{host}:{port}"),
                ConnectionAddr::TcpTls { host, port, .. } => format!("rediss://{host}:{port}"),
                _ => return Err(AddressError::NotAUrl),
            });
        }
        Ok(Self {
            urls,
            ca,
            shown: shown.join(","),
        })
    }

    /// Whether it is a cluster.
    pub fn is_cluster(&self) -> bool {
        self.urls.len() > 1
    }

    /// What all keys begin with, before the queue's name. In a cluster all keys of a script must be on one node: a hash tag
    /// sees to that, and Node producers and workers have to be given the same prefix.
    pub fn prefix(&self) -> &'static str {
        if self.is_cluster() { "{bull}" } else { "bull" }
    }

    pub(crate) fn urls(&self) -> &[String] {
        &self.urls
    }

    pub(crate) fn ca(&self) -> Option<&[u8]> {
        self.ca.as_deref()
    }

    pub(crate) fn options(&self) -> RedisConnectionOptions {
        let options = RedisConnectionOptions::new();
        let options = match self.urls.as_slice() {
            [url] => options.url(url),
            urls => options.cluster_nodes(urls),
        };
        match &self.ca {
            Some(ca) if self.shown.starts_with("rediss://") => options.tls_certs(TlsCerts {
                root_cert: Some(ca.clone()),
                ..TlsCerts::default()
            }),
            _ => options,
        }
    }
}

/// Without passwords.
impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisAddress").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart_and_show_no_password() {
        let one = RedisAddress::parse("rediss://user:hunter2@redis.example:6380/3", None).unwrap();
        assert_eq!(one.to_string(), "rediss://redis.example:6380");
        assert!(!format!("{one:?}").contains("hunter2"));
        assert_eq!((one.is_cluster(), one.prefix()), (false, "bull"));

        let cluster = RedisAddress::parse("redis://:pw@a:1, redis://:pw@b:2", None).unwrap();
        assert_eq!(cluster.to_string(), "redis://a:1,redis://b:2");
        assert_eq!((cluster.is_cluster(), cluster.prefix()), (true, "{bull}"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "http://a:1",
            "redis://",
            "redis+unix:///tmp/x",
            "a:1,redis://b:2",
        ] {
            let parsed = RedisAddress::parse(text, None);
            assert_eq!(parsed.unwrap_err(), AddressError::NotAUrl, "{text}");
        }
        let parsed = RedisAddress::parse("redis://a:1/1,redis://b:2", None);
        assert_eq!(parsed.unwrap_err(), AddressError::DatabaseOfCluster);
    }
}
