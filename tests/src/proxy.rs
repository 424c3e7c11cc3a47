//! A TCP proxy between two parts, that can cut the line when it sees a certain text pass.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// A running proxy; ends when it is dropped.
pub struct Proxy {
    /// Where it listens.
    pub url: String,
    rules: Arc<Rules>,
    _server: AbortOnDropHandle<()>,
}

struct Rules {
    upstream: Mutex<String>,
    cut_at: Mutex<Option<Cut>>,
}

struct Cut {
    text: String,
    seen: mpsc::UnboundedSender<String>,
}

impl Proxy {
    /// Starts one in front of `upstream` (`http://host:port`).
    pub async fn start(upstream: &str) -> Result<Self> {
        let rules = Arc::new(Rules {
            upstream: Mutex::new(address(upstream)),
            cut_at: Mutex::new(None),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::clone(&rules);
        let server = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, Arc::clone(&shared)));
            }
        }));
        Ok(Self {
            url,
            rules,
            _server: server,
        })
    }

    /// Where new connections go from now on.
    pub fn set_upstream(&self, upstream: &str) {
        if let Ok(mut target) = self.rules.upstream.lock() {
            *target = address(upstream);
        }
    }

    /// The next time a client's bytes contain `text`, they are not passed on; the receiver is given
    /// them, and both ends are closed once it has been dropped. One time only.
    pub fn cut_at(&self, text: &str) -> mpsc::UnboundedReceiver<String> {
        let (seen, receiver) = mpsc::unbounded_channel();
        if let Ok(mut cut) = self.rules.cut_at.lock() {
            *cut = Some(Cut {
                text: text.to_owned(),
                seen,
            });
        }
        receiver
    }
}

fn address(url: &str) -> String {
    url.trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned()
}

async fn relay(mut client: TcpStream, rules: Arc<Rules>) {
    let upstream = rules
        .upstream
        .lock()
        .map(|target| target.clone())
        .unwrap_or_default();
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let inward = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from_client.read(&mut buffer).await.unwrap_or(0);
            let piece = buffer.get(..read).unwrap_or_default();
            if read == 0 {
                return;
            }
            if let Some(cut) = matching(&rules, piece) {
                let _ = cut.seen.send(String::from_utf8_lossy(piece).into_owned());
                cut.seen.closed().await;
                return;
            }
            if to_server.write_all(piece).await.is_err() {
                return;
            }
        }
    };
    let outward = async {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
    };
    tokio::select! {
        () = inward => {}
        () = outward => {}
    }
}

fn matching(rules: &Rules, piece: &[u8]) -> Option<Cut> {
    let mut cut = rules.cut_at.lock().ok()?;
    let text = String::from_utf8_lossy(piece);
    cut.take_if(|wanted| text.contains(&wanted.text))
}
