//! A TCP proxy between two parts, that can interfere when it sees a certain text pass.

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
    rule: Mutex<Option<Rule>>,
}

struct Rule {
    text: String,
    action: Action,
    seen: mpsc::UnboundedSender<String>,
}

/// What is done with the bytes that contain the text.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// They are passed on: the test only wants to know.
    Pass,
    /// They are held back until the receiver is dropped, and then both ends are closed.
    Hold,
    /// They are held back, and the client is answered with this status line instead.
    Answer(&'static str),
}

impl Proxy {
    /// Starts one in front of `upstream` (`http://host:port`).
    pub async fn start(upstream: &str) -> Result<Self> {
        let rules = Arc::new(Rules {
            upstream: Mutex::new(address(upstream)),
            rule: Mutex::new(None),
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

    /// The next time a client's bytes contain `text`, the receiver is given them, and `action` is taken.
    /// One time only.
    pub fn on(&self, text: &str, action: Action) -> mpsc::UnboundedReceiver<String> {
        let (seen, receiver) = mpsc::unbounded_channel();
        if let Ok(mut rule) = self.rules.rule.lock() {
            *rule = Some(Rule {
                text: text.to_owned(),
                action,
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
                return None;
            }
            if let Some(rule) = matching(&rules, piece) {
                let _ = rule.seen.send(String::from_utf8_lossy(piece).into_owned());
                match rule.action {
                    Action::Pass => {}
                    Action::Hold => {
                        rule.seen.closed().await;
                        return None;
                    }
                    Action::Answer(status) => return Some(status),
                }
            }
            if to_server.write_all(piece).await.is_err() {
                return None;
            }
        }
    };
    let outward = async {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
    };
    let answer = tokio::select! {
        answer = inward => answer,
        () = outward => None,
    };
    if let Some(status) = answer {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let _ = client.write_all(answer.as_bytes()).await;
        let _ = client.shutdown().await;
        // What the client still sends is read, or closing would reset the connection under its answer.
        let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
    }
}

fn matching(rules: &Rules, piece: &[u8]) -> Option<Rule> {
    let mut rule = rules.rule.lock().ok()?;
    let text = String::from_utf8_lossy(piece);
    rule.take_if(|wanted| text.contains(&wanted.text))
}
