//! Where Redis is.

use std::fmt;

use redis::cluster::ClusterClientBuilder;
use redis::{Client, ConnectionAddr, IntoConnectionInfo, TlsCertificates};

/// One server, or nodes of a cluster. Holds passwords: shows none.
#[derive(Clone)]
pub struct RedisUrl {
    urls: Vec<String>,
    ca: Option<Vec<u8>>,
    shown: String,
}

/// Why a text is no address of Redis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Not of the form.
    #[error(
        "not a URL of the form redis://[user:password@]host:port[/database], or rediss:// for TLS"
    )]
    NotAUrl,
    /// A cluster has one database.
    #[error("nodes of a cluster have no database number")]
    DatabaseOfCluster,
}

impl RedisUrl {
    /// Parses `redis://[user:password@]host:port[/database]`, `rediss://…` for TLS; several with commas between them are
    /// nodes of one cluster. `ca` are certificates (PEM) that sign the server's; without them it must be signed by a
    /// public authority.
    pub fn parse(text: &str, ca: Option<Vec<u8>>) -> Result<Self, InvalidAddress> {
        let urls: Vec<String> = text.split(',').map(|url| url.trim().to_owned()).collect();
        let mut shown = Vec::new();
        for url in &urls {
            if !url.starts_with("redis://") && !url.starts_with("rediss://") {
                return Err(InvalidAddress::NotAUrl);
            }
            let info = url
                .as_str()
                .into_connection_info()
                .map_err(|_| InvalidAddress::NotAUrl)?;
            if urls.len() > 1 && info.redis_settings().db() != 0 {
                return Err(InvalidAddress::DatabaseOfCluster);
            }
            shown.push(match info.addr() {
                ConnectionAddr::Tcp(host, port) => format!("redis://{host}:{port}"),
                ConnectionAddr::TcpTls { host, port, .. } => format!("rediss://{host}:{port}"),
                _ => return Err(InvalidAddress::NotAUrl),
            });
        }
        Ok(Self {
            urls,
            ca,
            shown: shown.join(","),
        })
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.urls.len() > 1
    }

    fn certificates(&self) -> Option<TlsCertificates> {
        let ca = self.ca.as_ref()?;
        self.shown
            .starts_with("rediss://")
            .then(|| TlsCertificates {
                client_tls: None,
                root_cert: Some(ca.clone()),
            })
    }

    pub(crate) fn client(&self) -> Result<Client, redis::RedisError> {
        let url = self.urls.first().map_or("", String::as_str);
        match self.certificates() {
            Some(certificates) => Client::build_with_tls(url, certificates),
            None => Client::open(url),
        }
    }

    pub(crate) fn cluster(&self) -> ClusterClientBuilder {
        let builder = ClusterClientBuilder::new(self.urls.iter().map(String::as_str));
        match self.certificates() {
            Some(certificates) => builder.certs(certificates),
            None => builder,
        }
    }
}

/// Without passwords.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisUrl").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart_and_show_no_password() {
        let one = RedisUrl::parse("rediss://user:hunter2@redis.example:6380/3", None).unwrap();
        assert_eq!(one.to_string(), "rediss://redis.example:6380");
        assert!(!format!("{one:?}").contains("hunter2") && !one.is_cluster());

        let cluster = RedisUrl::parse("redis://:pw@a:1, redis://:pw@b:2", None).unwrap();
        assert_eq!(cluster.to_string(), "redis://a:1,redis://b:2");
        assert!(cluster.is_cluster());
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
            let parsed = RedisUrl::parse(text, None);
            assert_eq!(parsed.unwrap_err(), InvalidAddress::NotAUrl, "{text}");
        }
        let parsed = RedisUrl::parse("redis://a:1/1,redis://b:2", None);
        assert_eq!(parsed.unwrap_err(), InvalidAddress::DatabaseOfCluster);
    }
}
