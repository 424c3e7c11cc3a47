#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use tokio::time::{Instant, sleep};

use super::super::child::{GLANCE, PATIENCE};
use super::super::port::Port;
use super::tls::Certificates;
use super::{RedisServer, finish};
use crate::notes::skip;

const NODES: usize = 3;
/// A node is spoken to by the others on a port that is so much higher.
const BUS: u16 = 10_000;

/// Redis Cluster of three nodes on loopback. They end with this value.
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts one, and waits until all nodes know of each other. `None`, and a note under the name of the test, where
    /// there is no program.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(test: &str) -> Option<Self> {
        Self::begin(false, test).await
    }

    /// The same; its nodes speak TLS alone, with each other as well.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn with_tls(test: &str) -> Option<Self> {
        Self::begin(true, test).await
    }

    async fn begin(secured: bool, test: &str) -> Option<Self> {
        let mut nodes: Vec<RedisServer> = Vec::new();
        for _ in 0..NODES {
            let mut arguments = vec!["--cluster-enabled", "yes"];
            arguments.extend(["--cluster-config-file", "nodes.conf"]);
            arguments.extend(["--cluster-node-timeout", "2000"]);
            if secured {
                arguments.extend(["--tls-cluster", "yes"]);
            }
            let mut node = RedisServer::new(&arguments, test)?;
            if secured {
                // One authority has signed for all.
                let certificates = match nodes.first().and_then(|node| node.secured.as_ref()) {
                    Some(first) => Ok(first.copy(&node.place)),
                    None => Certificates::make(&node.place),
                };
                match certificates {
                    Ok(certificates) => node.secured = Some(certificates),
                    Err(reason) => {
                        skip(test, &reason);
                        return None;
                    }
                }
            }
            let (port, bus) = ports_of_node();
            (node.port, node.bus) = (port, Some(bus));
            node.start_again().await;
            nodes.push(node);
        }
        let cluster = Self { nodes };
        cluster.join();
        for node in &cluster.nodes {
            let deadline = Instant::now() + PATIENCE;
            let ready = || {
                let info = node.try_ask(&["CLUSTER", "INFO"]);
                info.is_ok_and(|info| info.contains("cluster_state:ok"))
            };
            while !ready() {
                assert!(Instant::now() < deadline, "the cluster is not ready");
                sleep(GLANCE).await;
            }
        }
        Some(cluster)
    }

    fn join(&self) {
        let places: Vec<String> = self
            .ports()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        let mut arguments = vec!["--cluster", "create"];
        arguments.extend(places.iter().map(String::as_str));
        arguments.extend(["--cluster-replicas", "0", "--cluster-yes"]);
        let node = self.nodes.first().expect("nodes");
        if node.secured.is_some() {
            arguments.extend(["--tls", "--cacert", Certificates::AUTHORITY]);
        }
        finish(&node.place, &node.cli(), &arguments).expect("a cluster");
    }

    /// Where its nodes listen on loopback.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.nodes.iter().map(RedisServer::port)
    }

    /// For `REDIS_URL`: all nodes.
    pub fn urls(&self) -> String {
        let urls: Vec<String> = self
            .ports()
            .map(|port| match self.authority() {
                None => format!("redis://127.0.0.1:{port}"),
                Some(_) => format!("rediss://127.0.0.1:{port}"),
            })
            .collect();
        urls.join(",")
    }

    /// Certificates (PEM) of the authority that signed its nodes', if they speak TLS.
    pub fn authority(&self) -> Option<&[u8]> {
        self.nodes.first().and_then(RedisServer::authority)
    }

    /// How many keys all of it has that fit a pattern.
    ///
    /// # Panics
    /// If a node cannot be asked.
    pub fn keys(&self, pattern: &str) -> u64 {
        self.nodes.iter().map(|node| node.keys(pattern)).sum()
    }

    /// As it calls itself: `Redis 7.0.15, a cluster of three`.
    ///
    /// # Panics
    /// If it does not say.
    pub fn version(&self) -> String {
        let node = self.nodes.first().expect("nodes");
        format!("{}, a cluster of three", node.version())
    }

    /// Ends a node as `kill -9` does; from 0.
    ///
    /// # Panics
    /// If there is no such node, or it does not end.
    pub async fn kill(&mut self, node: usize) {
        let node = self.nodes.get_mut(node).expect("a node");
        node.kill().await;
    }

    /// Starts that node again, with what it had written.
    ///
    /// # Panics
    /// If there is no such node, or it does not start.
    pub async fn start_again(&mut self, node: usize) {
        let node = self.nodes.get_mut(node).expect("a node");
        node.start_again().await;
    }
}

/// Of clients, and of the bus.
fn ports_of_node() -> (Port, Port) {
    loop {
        let port = Port::any();
        let bus = port.number().checked_add(BUS);
        if let Some(bus) = bus.and_then(Port::unless_taken) {
            return (port, bus);
        }
    }
}
