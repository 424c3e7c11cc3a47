//! Where Redis is: what `REDIS_URL` and `REDIS_CACHE_URL` may say, parsed in one place for the queue and for what origins
//! share. Adapters never depend on each other, hence this crate below both.

#![deny(missing_docs)]

use std::fmt;

use redis::cluster::ClusterClientBuilder;
use redis::{Client, ConnectionAddr, IntoConnectionInfo, RedisError, TlsCertificates};

/// One server, or nodes of a cluster. Holds passwords: shows none.
#[derive(Clone)]
pub struct RedisAddress {
    urls: Vec<String>,
    ca: Option<Vec<u8>>,
    shown: String,
}

/// Why a text is no address of Redis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedisAddress {
    /// Not of the form.
    #[error(
        "not a URL of the form redis://[user:password@]host:port[/database], or rediss:// for TLS"
    )]
    NotAUrl,
    /// A cluster has one database.
    #[error("nodes of a cluster have no database number")]
    DatabaseOfCluster,
    /// What is secret would go where nobody checks who listens.
    #[error("either all nodes of a cluster speak TLS (rediss://), or none")]
    MixedTls,
}

impl RedisAddress {
    /// Parses `redis://[user:password@]host:port[/database]`, `rediss://…` for TLS; several with commas between them are
    /// nodes of one cluster. `ca` are certificates (PEM) that sign the server's; without them it must be signed by a
    /// public authority. Without TLS nobody looks at them.
    pub fn parse(text: &str, ca: Option<Vec<u8>>) -> Result<Self, InvalidRedisAddress> {
        let urls: Vec<String> = text.split(',').map(|url| url.trim().to_owned()).collect();
        let mut shown = Vec::new();
        for url in &urls {
            shown.push(without_password(url, urls.len() > 1)?);
        }
        let secured = shown.iter().filter(|url| is_tls(url)).count();
        if secured != 0 && secured != shown.len() {
            return Err(InvalidRedisAddress::MixedTls);
        }
        Ok(Self {
            urls,
            ca: ca.filter(|_| secured > 0),
            shown: shown.join(","),
        })
    }

    /// Whether it is a cluster.
    pub fn is_cluster(&self) -> bool {
        self.urls.len() > 1
    }

    /// As they were given, passwords included: at least one, several of a cluster.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Certificates (PEM) that sign the server's, if it speaks TLS.
    pub fn ca(&self) -> Option<&[u8]> {
        self.ca.as_deref()
    }

    /// For one of its [urls](Self::urls). Connects to nothing.
    pub fn client(&self, url: &str) -> Result<Client, RedisError> {
        match self.certificates() {
            Some(certificates) => Client::build_with_tls(url, certificates),
            None => Client::open(url),
        }
    }

    /// For the nodes as one cluster. Connects to nothing.
    pub fn cluster(&self) -> ClusterClientBuilder {
        let builder = ClusterClientBuilder::new(self.urls.iter().map(String::as_str));
        match self.certificates() {
            Some(certificates) => builder.certs(certificates),
            None => builder,
        }
    }

    fn certificates(&self) -> Option<TlsCertificates> {
        self.ca.clone().map(|ca| TlsCertificates {
            client_tls: None,
            root_cert: Some(ca),
        })
    }
}

fn is_tls(url: &str) -> bool {
    url.starts_with("rediss://")
}

fn without_password(url: &str, cluster: bool) -> Result<String, InvalidRedisAddress> {
    // The client also takes sockets and dialects of the protocol, which nothing here has been tried with.
    if !url.starts_with("redis://") && !is_tls(url) {
        return Err(InvalidRedisAddress::NotAUrl);
    }
    let info = url
        .into_connection_info()
        .map_err(|_| InvalidRedisAddress::NotAUrl)?;
    if cluster && info.redis_settings().db() != 0 {
        return Err(InvalidRedisAddress::DatabaseOfCluster);
    }
    match info.addr() {
        ConnectionAddr::Tcp(host, port) => Ok(format!("redis://{host}:{port}")),
        ConnectionAddr::TcpTls { host, port, .. } => Ok(format!("rediss://{host}:{port}")),
        _ => Err(InvalidRedisAddress::NotAUrl),
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
        assert!(!format!("{one:?}").contains("hunter2") && !one.is_cluster());

        let cluster = RedisAddress::parse("redis://:pw@a:1, redis://:pw@b:2", None).unwrap();
        assert_eq!(cluster.to_string(), "redis://a:1,redis://b:2");
        assert!(cluster.is_cluster());
        assert_eq!(cluster.urls(), ["redis://:pw@a:1", "redis://:pw@b:2"]);
    }

    #[test]
    fn certificates_are_for_tls_alone() {
        let ca = || Some(b"certificates".to_vec());
        let secured = RedisAddress::parse("rediss://a:1", ca()).unwrap();
        assert_eq!(secured.ca(), ca().as_deref());
        let plain = RedisAddress::parse("redis://a:1", ca()).unwrap();
        assert_eq!(plain.ca(), None);
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
            assert_eq!(parsed.unwrap_err(), InvalidRedisAddress::NotAUrl, "{text}");
        }
        let parsed = RedisAddress::parse("redis://a:1/1,redis://b:2", None);
        assert_eq!(parsed.unwrap_err(), InvalidRedisAddress::DatabaseOfCluster);
        let parsed = RedisAddress::parse("redis://a:1,rediss://b:2", None);
        assert_eq!(parsed.unwrap_err(), InvalidRedisAddress::MixedTls);
    }
}
