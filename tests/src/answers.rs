//! A TCP proxy in front of an HTTP server, that counts what is asked and interferes with answers.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

/// A running proxy; ends when it is dropped.
pub struct Answers {
    /// Where it listens.
    pub url: String,
    shared: Arc<Shared>,
    _server: AbortOnDropHandle<()>,
}

struct Shared {
    upstream: String,
    /// The first lines of all requests that passed.
    asked: Mutex<Vec<String>>,
    cut: Mutex<Option<(String, Cut)>>,
    /// Answers to requests with this text wait.
    gate: watch::Sender<Option<String>>,
}

/// An answer that does not come whole.
struct Cut {
    /// So many bytes still pass.
    left: usize,
    seen: mpsc::UnboundedSender<()>,
}

impl Answers {
    /// Starts one in front of `upstream` (`http://host:port`).
    pub async fn start(upstream: &str) -> Result<Self> {
        let shared = Arc::new(Shared {
            upstream: upstream.trim_start_matches("http://").to_owned(),
            asked: Mutex::default(),
            cut: Mutex::default(),
            gate: watch::channel(None).0,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let serving = Arc::clone(&shared);
        let server = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, Arc::clone(&serving)));
            }
        }));
        Ok(Self {
            url,
            shared,
            _server: server,
        })
    }

    /// How many requests passed whose first line contains `text`.
    pub fn asked(&self, text: &str) -> usize {
        let asked = lock(&self.shared.asked);
        asked.iter().filter(|line| line.contains(text)).count()
    }

    /// Of the answer to the next request whose first line contains `text` only so many bytes pass. Then the receiver
    /// is told, and both ends are closed as soon as it is dropped.
    pub fn cut(&self, text: &str, after: usize) -> mpsc::UnboundedReceiver<()> {
        let (seen, receiver) = mpsc::unbounded_channel();
        *lock(&self.shared.cut) = Some((text.to_owned(), Cut { left: after, seen }));
        receiver
    }

    /// From now on answers to requests whose first line contains `text` wait.
    pub fn hold(&self, text: &str) {
        self.shared.gate.send_replace(Some(text.to_owned()));
    }

    /// Answers wait no longer.
    pub fn release(&self) {
        self.shared.gate.send_replace(None);
    }
}

impl Shared {
    /// Notes the requests that begin in a piece of what a client sends; the fate of the last one's answer.
    fn note(&self, piece: &[u8]) -> Option<Fate> {
        let text = String::from_utf8_lossy(piece);
        let mut fate = None;
        for line in text.split("\r\n").filter(|l| l.ends_with(" HTTP/1.1")) {
            lock(&self.asked).push(line.to_owned());
            fate = lock(&self.cut)
                .take_if(|(wanted, _)| line.contains(wanted.as_str()))
                .map(|(_, cut)| Fate::Cut(cut));
            let is_held = |text: &String| line.contains(text.as_str());
            if fate.is_none() && self.gate.borrow().as_ref().is_some_and(is_held) {
                fate = Some(Fate::Held);
            }
        }
        fate
    }
}

enum Fate {
    Held,
    Cut(Cut),
}

async fn relay(mut client: TcpStream, shared: Arc<Shared>) {
    let Ok(mut server) = TcpStream::connect(&shared.upstream).await else {
        return;
    };
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let fate = Mutex::new(None);
    tokio::select! {
        () = inward(&shared, from_client, to_server, &fate) => {}
        () = outward(&shared, from_server, to_client, &fate) => {}
    }
}

async fn inward(
    shared: &Shared,
    mut from_client: ReadHalf<'_>,
    mut to_server: WriteHalf<'_>,
    fate: &Mutex<Option<Fate>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from_client.read(&mut buffer).await.unwrap_or(0);
        let piece = buffer.get(..read).unwrap_or_default();
        if let Some(next) = shared.note(piece) {
            *lock(fate) = Some(next);
        }
        if read == 0 || to_server.write_all(piece).await.is_err() {
            return;
        }
    }
}

async fn outward(
    shared: &Shared,
    mut from_server: ReadHalf<'_>,
    mut to_client: WriteHalf<'_>,
    fate: &Mutex<Option<Fate>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from_server.read(&mut buffer).await.unwrap_or(0);
        let mut piece = buffer.get(..read).unwrap_or_default();
        if read == 0 {
            return;
        }
        let next = lock(fate).take();
        match next {
            None => {}
            Some(Fate::Held) => {
                // It fails only if the proxy is gone.
                let _ = shared.gate.subscribe().wait_for(Option::is_none).await;
            }
            Some(Fate::Cut(cut)) if cut.left <= read => {
                piece = piece.get(..cut.left).unwrap_or(piece);
                let _ = to_client.write_all(piece).await;
                let _ = cut.seen.send(());
                cut.seen.closed().await;
                return;
            }
            Some(Fate::Cut(cut)) => {
                let left = cut.left - read;
                *lock(fate) = Some(Fate::Cut(Cut { left, ..cut }));
            }
        }
        if to_client.write_all(piece).await.is_err() {
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
