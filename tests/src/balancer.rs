//! What stands in front of several origins: each new connection goes to the next of them, and stays with it. Nothing is
//! sent twice, and nobody is asked whether they are well.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// A running balancer; ends when it is dropped.
pub struct Balancer {
    /// Where it listens.
    pub url: String,
    members: Arc<Mutex<Members>>,
    _server: AbortOnDropHandle<()>,
}

/// Who is given new connections; the next one is in front.
#[derive(Default)]
struct Members(Vec<Member>);

struct Member {
    address: String,
    given: u64,
}

impl Members {
    fn next(&mut self) -> Option<String> {
        let member = self.0.first_mut()?;
        member.given += 1;
        let address = member.address.clone();
        self.0.rotate_left(1);
        Some(address)
    }
}

impl Balancer {
    /// Starts one in front of nobody.
    pub async fn start() -> Result<Self> {
        let members = Arc::<Mutex<Members>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::clone(&members);
        let server = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let next = lock(&shared).next();
                tokio::spawn(relay(client, next));
            }
        }));
        Ok(Self {
            url,
            members,
            _server: server,
        })
    }

    /// From now on it is given new connections (`http://host:port`).
    pub fn put_in(&self, url: &str) {
        lock(&self.members).0.push(Member {
            address: address(url).to_owned(),
            given: 0,
        });
    }

    /// It is given no more. Connections that it has stay.
    pub fn take_out(&self, url: &str) {
        let mut members = lock(&self.members);
        members.0.retain(|member| member.address != address(url));
    }

    /// How many connections it was given.
    pub fn given(&self, url: &str) -> u64 {
        let members = lock(&self.members);
        let mut found = members.0.iter();
        let found = found.find(|member| member.address == address(url));
        found.map_or(0, |member| member.given)
    }
}

fn lock(members: &Mutex<Members>) -> std::sync::MutexGuard<'_, Members> {
    members.lock().unwrap_or_else(PoisonError::into_inner)
}

fn address(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// Ends when both ends are closed; one without anybody behind it at once.
async fn relay(mut client: TcpStream, member: Option<String>) {
    let Some(member) = member else { return };
    let Ok(mut server) = TcpStream::connect(member).await else {
        return;
    };
    // Small pieces that wait for each other would make each request slow.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
