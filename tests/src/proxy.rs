//! A TCP proxy between two parts, that can interfere when it sees a certain text pass.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
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
    connections: AtomicU64,
}

struct Rule {
    /// What must still pass, in this order; the action is for the last.
    texts: VecDeque<String>,
    /// The connection on which the first of them passed: so must the others.
    on: Option<u64>,
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
    /// So many bytes of the client's are still passed on, and then both ends are closed. The receiver is
    /// told a second time when that happens.
    CutAfter(usize),
    /// They are passed on, but the answer never reaches the client: both ends are closed when it comes. The
    /// receiver is told a second time when that happens.
    LoseAnswer,
    /// They are passed on, but the answer is held back until the receiver is dropped or the client goes away, and
    /// then both ends are closed. The receiver is told a second time when the answer is there.
    HoldAnswer,
}

impl Action {
    /// Whether the receiver is told a second time.
    pub fn is_told_twice(self) -> bool {
        matches!(
            self,
            Self::CutAfter(_) | Self::LoseAnswer | Self::HoldAnswer
        )
    }
}

impl Proxy {
    /// Starts one in front of `upstream` (`http://host:port`, or the path of a socket).
    pub async fn start(upstream: &str) -> Result<Self> {
        let rules = Arc::new(Rules {
            upstream: Mutex::new(address(upstream)),
            rule: Mutex::new(None),
            connections: AtomicU64::new(0),
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
    /// One time only; a rule that was there and matched nothing is forgotten.
    pub fn on(&self, text: &str, action: Action) -> mpsc::UnboundedReceiver<String> {
        self.on_last_of(&[text], action)
    }

    /// The same for the last of these texts, once the others have passed before it on one connection, in their order.
    pub fn on_last_of(&self, texts: &[&str], action: Action) -> mpsc::UnboundedReceiver<String> {
        let (seen, receiver) = mpsc::unbounded_channel();
        if let Ok(mut rule) = self.rules.rule.lock() {
            *rule = Some(Rule {
                texts: texts.iter().map(|text| (*text).to_owned()).collect(),
                on: None,
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
    let Ok(server) = connect(&upstream).await else {
        return;
    };
    let (from_client, mut to_client) = client.split();
    let (mut from_server, to_server) = tokio::io::split(server);
    let lost = Mutex::new(None);
    let answer = tokio::select! {
        answer = inward(&rules, from_client, to_server, &lost) => answer,
        () = outward(&mut from_server, &mut to_client, &lost) => None,
    };
    if let Some(status) = answer {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let _ = client.write_all(answer.as_bytes()).await;
        let _ = client.shutdown().await;
        // What the client still sends is read, or closing would reset the connection under its answer.
        let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn connect(upstream: &str) -> std::io::Result<Box<dyn Stream>> {
    if upstream.starts_with('/') {
        return Ok(Box::new(UnixStream::connect(upstream).await?));
    }
    Ok(Box::new(TcpStream::connect(upstream).await?))
}

/// What is done with an answer, and who is told of it.
type Lost = Mutex<Option<(Action, mpsc::UnboundedSender<String>)>>;

/// Passes on what the client sends. Ends with the status line that it is to be answered with, if any.
async fn inward(
    rules: &Rules,
    mut from_client: impl AsyncRead + Unpin,
    mut to_server: impl AsyncWrite + Unpin,
    lost: &Lost,
) -> Option<&'static str> {
    let connection = rules.connections.fetch_add(1, Ordering::Relaxed);
    let mut buffer = vec![0; 64 * 1024];
    let mut cut: Option<(usize, mpsc::UnboundedSender<String>)> = None;
    loop {
        let read = from_client.read(&mut buffer).await.unwrap_or(0);
        let mut piece = buffer.get(..read).unwrap_or_default();
        if read == 0 {
            return None;
        }
        if let Some(rule) = matching(rules, connection, piece) {
            let _ = rule.seen.send(String::from_utf8_lossy(piece).into_owned());
            match rule.action {
                Action::Pass => {}
                Action::Hold => {
                    rule.seen.closed().await;
                    return None;
                }
                Action::Answer(status) => return Some(status),
                Action::CutAfter(bytes) => cut = Some((bytes, rule.seen)),
                action @ (Action::LoseAnswer | Action::HoldAnswer) => {
                    if let Ok(mut lost) = lost.lock() {
                        *lost = Some((action, rule.seen));
                    }
                }
            }
        }
        let ends = cut.as_ref().is_some_and(|(left, _)| *left <= piece.len());
        if let Some((left, _)) = &mut cut {
            piece = piece.get(..*left).unwrap_or(piece);
            *left -= piece.len();
        }
        let written = to_server.write_all(piece).await;
        if let Some((_, seen)) = cut.take_if(|_| ends) {
            let _ = seen.send("cut".to_owned());
            return None;
        }
        if written.is_err() {
            return None;
        }
    }
}

/// Passes on what the server answers, unless that is to be lost.
async fn outward(
    from_server: &mut (impl AsyncRead + Unpin),
    to_client: &mut (impl AsyncWrite + Unpin),
    lost: &Lost,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from_server.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        let taken = lost.lock().ok().and_then(|mut lost| lost.take());
        if let Some((action, seen)) = taken {
            let _ = seen.send("answer lost".to_owned());
            if let Action::HoldAnswer = action {
                seen.closed().await;
            }
            return;
        }
        let piece = buffer.get(..read).unwrap_or_default();
        if to_client.write_all(piece).await.is_err() {
            return;
        }
    }
}

fn matching(rules: &Rules, connection: u64, piece: &[u8]) -> Option<Rule> {
    let mut rule = rules.rule.lock().ok()?;
    let text = String::from_utf8_lossy(piece);
    let wanted = rule.as_mut()?;
    if wanted.on.is_some_and(|on| on != connection) || !text.contains(wanted.texts.front()?) {
        return None;
    }
    wanted.on = Some(connection);
    wanted.texts.pop_front();
    rule.take_if(|wanted| wanted.texts.is_empty())
}
