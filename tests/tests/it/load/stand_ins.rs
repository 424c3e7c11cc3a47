//! An origin that gives tickets for a store that takes next to nothing, and that lets whoever asks for an
//! upload wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// How much the store takes of each upload, and how often: less than a megabyte of all of them, and just enough
/// not to be given up.
const SIP: usize = 32 * 1024;
const PAUSE: Duration = Duration::from_secs(2);

/// What the stand-ins saw, and what they are to do.
pub struct Seen {
    /// Uploads that hang at the store.
    pub hanging: AtomicUsize,
    /// Clients that wait for an answer of the origin's.
    pub waiting: AtomicUsize,
    tickets: AtomicUsize,
    stalled: watch::Sender<bool>,
    released: watch::Sender<bool>,
    store: String,
}

pub struct StandIns {
    pub origin_url: String,
    pub store_url: String,
    pub seen: Arc<Seen>,
    _servers: [AbortOnDropHandle<()>; 2],
}

impl Seen {
    pub fn is_stalled(&self) -> bool {
        *self.stalled.borrow()
    }

    pub fn is_released(&self) -> bool {
        *self.released.borrow()
    }
}

impl StandIns {
    pub async fn start() -> Self {
        let store = store_listener();
        let origin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let store_url = format!("http://{}", store.local_addr().unwrap());
        let origin_url = format!("http://{}", origin.local_addr().unwrap());
        let seen = Arc::new(Seen {
            hanging: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            tickets: AtomicUsize::new(0),
            stalled: watch::channel(false).0,
            released: watch::channel(false).0,
            store: store_url.clone(),
        });
        let router = Router::new()
            .route("/edge/v1/upload-tickets", post(ticket))
            .route("/v1/uploads/{id}", get(wait).delete(give_back))
            .with_state(seen.clone());
        let serving = tokio::spawn(async move { axum::serve(origin, router).await.unwrap() });
        let storing = tokio::spawn(take_little(store, seen.clone()));
        Self {
            origin_url,
            store_url,
            seen,
            _servers: [serving, storing].map(AbortOnDropHandle::new),
        }
    }

    /// From now on the store takes nothing at all.
    pub fn stall(&self) {
        self.seen.stalled.send_replace(true);
    }

    /// Whoever waits is answered.
    pub fn release(&self) {
        self.seen.released.send_replace(true);
    }
}

async fn ticket(
    State(seen): State<Arc<Seen>>,
    Json(wanted): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let number = seen.tickets.fetch_add(1, Ordering::Relaxed);
    let id = format!("01890000-0000-7000-8000-{number:012x}");
    let headers = json!({
        "content-length": wanted["content_length"].to_string(),
        "content-type": "application/octet-stream",
        "if-none-match": "*",
    });
    let ticket = json!({
        "id": id,
        "key": format!("{id}.webp"),
        "url": format!("/media/{id}.webp"),
        "put": {
            "url": format!("{}/bucket/staging/{id}", seen.store),
            "headers": headers,
            "expires_at": "2099-01-01T00:00:00.000Z",
        },
    });
    (StatusCode::CREATED, Json(ticket))
}

async fn give_back() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn wait(State(seen): State<Arc<Seen>>, Path(id): Path<String>) -> Json<Value> {
    let mut released = seen.released.subscribe();
    let _counted = Counted::new(&seen.waiting);
    let _ = released.wait_for(|released| *released).await;
    Json(json!({"id": id}))
}

/// One of those that are counted, as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Small buffers, so that what is sent is held by who sends it.
fn store_listener() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.listen(1024).unwrap()
}

async fn take_little(listener: TcpListener, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        let seen = seen.clone();
        tokio::spawn(async move { sip(stream, &seen).await });
    }
}

async fn sip(mut stream: TcpStream, seen: &Seen) {
    let mut piece = vec![0; SIP];
    if stream.read_exact(&mut piece).await.is_err() {
        return;
    }
    let _counted = Counted::new(&seen.hanging);
    let mut stalled = seen.stalled.subscribe();
    while !*stalled.borrow_and_update() {
        let _ = tokio::time::timeout(PAUSE, stalled.changed()).await;
        if !*stalled.borrow() && stream.read_exact(&mut piece).await.is_err() {
            return;
        }
    }
    let mut released = seen.released.subscribe();
    let _ = released.wait_for(|released| *released).await;
}
