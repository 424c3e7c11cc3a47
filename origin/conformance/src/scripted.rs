//! An HTTP/1.1 server on loopback that answers as it is told, bad manners included.

#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const MOST_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// With this status and body.
    Answer(u16, Vec<u8>),
    /// Never; the connection stays open.
    Stall,
    /// With the head of a 200 and a part of this body, then nothing more.
    StallInBody(Vec<u8>),
    /// The connection is closed without a byte.
    Close,
    /// The connection is closed in the middle of this body.
    CloseHalfWay(Vec<u8>),
}

impl Reply {
    /// 200 with a JSON text.
    pub fn ok(body: &str) -> Self {
        Self::Answer(200, body.as_bytes().to_vec())
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// All of it.
    pub body: Vec<u8>,
}

/// The server. It ends when this is dropped.
pub struct ScriptedServer {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    held: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Shared {
    next: VecDeque<Reply>,
    always: Reply,
    takes: Duration,
    seen: Vec<Request>,
    /// Requests that wait for their answers.
    open: usize,
    most_open: usize,
}

impl ScriptedServer {
    /// On a free port; answers `always`.
    ///
    /// # Panics
    /// If there is no free port on loopback.
    pub async fn start(always: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Mutex::new(Shared {
            next: VecDeque::new(),
            always,
            takes: Duration::ZERO,
            seen: Vec::new(),
            open: 0,
            most_open: 0,
        }));
        let (held, holding) = watch::channel(false);
        let task = tokio::spawn(accept(listener, shared.clone(), holding));
        Self {
            address,
            shared,
            held,
            task,
        }
    }

    /// `http://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on answers so.
    pub fn always(&self, reply: Reply) {
        let mut shared = lock(&self.shared);
        shared.next.clear();
        shared.always = reply;
    }

    /// Answers the next requests so, one by one, before what it always answers.
    pub fn next(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.shared).next.extend(replies);
    }

    /// From now on answers wait, or no longer.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// From now on each answer takes so long.
    pub fn takes(&self, time: Duration) {
        lock(&self.shared).takes = time;
    }

    /// How many requests waited for their answers at one time, at most.
    pub fn most_at_once(&self) -> usize {
        lock(&self.shared).most_open
    }

    /// How many requests were seen since [`Self::take_seen`] was last asked.
    pub fn seen(&self) -> usize {
        lock(&self.shared).seen.len()
    }

    /// The requests since the last time this was asked.
    pub fn take_seen(&self) -> Vec<Request> {
        std::mem::take(&mut lock(&self.shared).seen)
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address on loopback where nobody listens.
///
/// # Panics
/// If there is no free port on loopback.
pub async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<Shared>>, holding: watch::Receiver<bool>) {
    // Dropped with this task, and the connections with it.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (shared, holding) = (shared.clone(), holding.clone());
        connections.spawn(async move {
            // A client that goes away is its own affair.
            let _ = serve(stream, &shared, holding).await;
        });
    }
}

async fn serve(
    mut stream: TcpStream,
    shared: &Mutex<Shared>,
    mut holding: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let Some(request) = read_request(&mut stream).await? else {
        return Ok(());
    };
    let (reply, takes) = {
        let mut shared = lock(shared);
        shared.seen.push(request);
        shared.open += 1;
        shared.most_open = shared.most_open.max(shared.open);
        let next = shared.next.pop_front();
        (next.unwrap_or_else(|| shared.always.clone()), shared.takes)
    };
    tokio::time::sleep(takes).await;
    // Ends only with the server.
    let _ = holding.wait_for(|held| !held).await;
    lock(shared).open -= 1;
    match reply {
        Reply::Answer(status, body) => {
            stream.write_all(&head(status, body.len())).await?;
            stream.write_all(&body).await?;
            stream.shutdown().await
        }
        Reply::Stall => std::future::pending().await,
        Reply::StallInBody(body) => {
            write_half(&mut stream, &body).await?;
            std::future::pending().await
        }
        Reply::Close => Ok(()),
        Reply::CloseHalfWay(body) => {
            write_half(&mut stream, &body).await?;
            stream.shutdown().await
        }
    }
}

async fn write_half(stream: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    let (half, _) = body.split_at(body.len() / 2);
    stream.write_all(&head(200, body.len())).await?;
    stream.write_all(half).await?;
    stream.flush().await
}

fn head(status: u16, length: usize) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    )
    .into_bytes()
}

async fn read_request(stream: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if bytes.len() > MOST_REQUEST_BYTES || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let body = bytes.split_off(end + 4);
    let Some(mut request) = parse_head(&bytes) else {
        return Ok(None);
    };
    request.body = body;
    let length: usize = request
        .headers
        .get("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    while request.body.len() < length.min(MOST_REQUEST_BYTES) {
        if stream.read_buf(&mut request.body).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(request))
}

fn parse_head(bytes: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let method = first.next()?.to_owned();
    let path = first.next()?.to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Request {
        method,
        path,
        headers,
        body: Vec::new(),
    })
}
