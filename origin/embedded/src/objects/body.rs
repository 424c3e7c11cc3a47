//! A request's body of which we keep hold, and that must not fall silent.
//!
//! A server that answers and closes while the client still sends makes the client's system throw the
//! answer away. So what a refused request still sends is read first, up to a bound.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

/// As the library has it.
type StdError = Box<dyn std::error::Error + Send + Sync>;

const DRAINED_BYTES: usize = 16 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// Nothing came for too long.
#[derive(Debug, thiserror::Error)]
#[error("the body stopped coming")]
pub(super) struct Silent;

#[derive(Clone)]
pub(super) struct SharedBody(Arc<Mutex<Held>>);

struct Held {
    body: Incoming,
    silence: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl SharedBody {
    pub(super) fn new(body: Incoming, silence: Duration) -> Self {
        Self(Arc::new(Mutex::new(Held {
            body,
            silence,
            deadline: None,
        })))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Held) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what is left of it.
    pub(super) async fn drain(mut self) {
        let reading = async {
            let mut left = DRAINED_BYTES;
            while left > 0 {
                let frame = std::future::poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await;
                let Some(Ok(frame)) = frame else { return };
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            }
        };
        // Whatever is still not read, the connection closes.
        let _ = tokio::time::timeout(DRAIN_TIME, reading).await;
    }
}

impl Held {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.deadline = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(StdError::from)));
        }
        let silence = self.silence;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(sleep(silence)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(Silent.into())))
    }
}

impl Body for SharedBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        self.with(|held| held.poll(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|held| held.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|held| held.body.size_hint())
    }
}
