//! A detector that takes its time: half a second a picture, however many come at once. Until it is told to begin, it holds what it is
//! asked, so that workers which start one after the other begin together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json as object;
use sluicegate_tests::wait::wait_for;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::served::{Answer, json, plain, serve_on};

/// For one picture.
pub(super) const TIME: Duration = Duration::from_millis(500);
/// For workers to start, and to ask: beyond it they would have given up, and ask again.
const LIMIT: Duration = Duration::from_mins(1);

/// Ends when it is dropped.
pub(super) struct SlowDetector {
    /// For `MODERATION_IMAGE_SERVICE_URL`.
    pub(super) url: String,
    state: Arc<State>,
    _server: AbortOnDropHandle<Result<()>>,
}

struct State {
    begun: watch::Sender<bool>,
    held: AtomicUsize,
    judged: AtomicUsize,
}

/// A picture that waits for its answer.
struct Held<'a>(&'a AtomicUsize);

impl<'a> Held<'a> {
    fn new(held: &'a AtomicUsize) -> Self {
        held.fetch_add(1, Ordering::SeqCst);
        Self(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl SlowDetector {
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State {
            begun: watch::Sender::new(false),
            held: AtomicUsize::new(0),
            judged: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        let server = serve_on(listener, move |request| {
            let state = Arc::clone(&shared);
            async move { state.answer(request).await }
        });
        Ok(Self {
            url,
            state,
            _server: AbortOnDropHandle::new(tokio::spawn(server)),
        })
    }

    /// Holds what it is asked from now on.
    pub(super) fn hold(&self) {
        self.state.judged.store(0, Ordering::SeqCst);
        self.state.begun.send_replace(false);
    }

    /// Waits until it is asked about so many pictures at once, and begins.
    pub(super) async fn begin_with(&self, pictures: usize) -> Result<()> {
        wait_for("workers that ask the detector", LIMIT, async || {
            Ok((self.state.held.load(Ordering::SeqCst) == pictures).then_some(()))
        })
        .await?;
        self.state.begun.send_replace(true);
        Ok(())
    }

    /// How many pictures it judged since it held the last ones.
    pub(super) fn judged(&self) -> usize {
        self.state.judged.load(Ordering::SeqCst)
    }
}

impl State {
    async fn answer(&self, mut request: Request<Incoming>) -> Answer {
        if request.uri().path() != "/classify" {
            return plain(StatusCode::OK);
        }
        while let Some(frame) = request.body_mut().frame().await {
            if frame.is_err() {
                return plain(StatusCode::BAD_REQUEST);
            }
        }
        let held = Held::new(&self.held);
        // Cannot fail: we hold its sender.
        let _ = self.begun.subscribe().wait_for(|begun| *begun).await;
        tokio::time::sleep(TIME).await;
        drop(held);
        self.judged.fetch_add(1, Ordering::SeqCst);
        let safe = object!({"safe": true, "confidence": 0.99, "reason": "nothing found"});
        json(StatusCode::OK, &safe)
    }
}
