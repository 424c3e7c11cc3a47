#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// An address of loopback that leads to servers, each new connection to the next of them. It can fall silent, as a
/// machine does that hangs: connections stay open, what is sent is taken, nothing is answered. It ends with this value.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepts: JoinSet<()>,
}

struct Shared {
    servers: Vec<SocketAddr>,
    /// Connections that were made before this count are silent.
    silences: watch::Sender<u64>,
    silent: AtomicBool,
    /// Connections that lead somewhere now.
    leading: watch::Sender<usize>,
    accepted: AtomicUsize,
}

impl Proxy {
    /// Before the servers of these URLs, which must name an address and a port.
    ///
    /// # Panics
    /// If a URL does not, or nothing can be bound.
    pub async fn before(urls: &[&str]) -> Self {
        let servers = urls.iter().map(|url| address(url)).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("has one");
        let shared = Arc::new(Shared {
            servers,
            silences: watch::Sender::new(0),
            silent: AtomicBool::new(false),
            leading: watch::Sender::new(0),
            accepted: AtomicUsize::new(0),
        });
        let mut accepts = JoinSet::new();
        accepts.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _accepts: accepts,
        }
    }

    /// A URL that leads to a server, by this way.
    ///
    /// # Panics
    /// If the URL names no port.
    pub fn way_to(&self, url: &str) -> String {
        url.replacen(&address(url).to_string(), &self.address.to_string(), 1)
    }

    /// From when this returns nothing is answered, neither on connections that are there nor on those that come.
    pub async fn fall_silent(&self) {
        self.shared.silent.store(true, Ordering::SeqCst);
        self.shared.silences.send_modify(|count| *count += 1);
        let mut leading = self.shared.leading.subscribe();
        // It cannot be closed while we have it.
        let _ = leading.wait_for(|count| *count == 0).await;
    }

    /// New connections lead to the servers again. Those that are silent stay so.
    pub fn lead_again(&self) {
        self.shared.silent.store(false, Ordering::SeqCst);
    }

    /// How many connections were ever made.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

/// `host:port` of a URL.
fn address(url: &str) -> SocketAddr {
    let rest = url.split_once("://").expect("a scheme").1;
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (address, _) = rest.split_at(end);
    address.parse().expect("an address and a port")
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((mut client, _)) = listener.accept().await else {
            continue;
        };
        let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
        let silenced = shared.silences.subscribe();
        if shared.silent.load(Ordering::SeqCst) {
            connections.spawn(swallow(client));
        } else {
            let server = shared.servers.get(number % shared.servers.len().max(1));
            let server = *server.expect("a server");
            shared.leading.send_modify(|count| *count += 1);
            let shared = Arc::clone(&shared);
            connections.spawn(async move {
                let silent = lead(&mut client, server, silenced).await;
                shared.leading.send_modify(|count| *count -= 1);
                // The server's side stays open, too: it would answer else.
                if let Some(_server) = silent {
                    swallow(client).await;
                }
            });
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Until one of them is done. The server's connection, if we are silent from there on.
async fn lead(
    client: &mut TcpStream,
    server: SocketAddr,
    mut silenced: watch::Receiver<u64>,
) -> Option<TcpStream> {
    let mut server = TcpStream::connect(server).await.ok()?;
    tokio::select! {
        _ = tokio::io::copy_bidirectional(client, &mut server) => None,
        changed = silenced.changed() => changed.ok().map(|()| server),
    }
}

/// Takes what comes, and never says a word, until the client goes away.
async fn swallow(mut client: TcpStream) {
    let mut taken = vec![0; 4_096];
    while client.read(&mut taken).await.is_ok_and(|count| count > 0) {}
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_are_found_in_urls() {
        for url in ["postgres://a:b@127.0.0.1:7/x?y=z", "redis://127.0.0.1:7"] {
            assert_eq!(address(url).to_string(), "127.0.0.1:7");
        }
    }
}
