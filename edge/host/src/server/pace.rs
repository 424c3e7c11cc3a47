//! A client that sends its body one byte at a time is not waited for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime_wasi_http::{Error, WasiBody};

/// How fast a body must come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// In each window at least so many bytes.
    pub(super) bytes: u64,
    /// Counted only while somebody waits for the client: a slow store is not its fault.
    pub(super) window: Duration,
}

/// A body that fails when it comes too slowly, or stands still for too long.
pub(super) struct PacedBody {
    inner: WasiBody,
    pace: Pace,
    /// What came, and how long it was waited for, in this window.
    got: u64,
    waited: Duration,
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    slow: Arc<AtomicBool>,
}

impl PacedBody {
    /// `slow` is set when the body fails for this reason.
    pub(super) fn new(inner: WasiBody, pace: Pace, slow: Arc<AtomicBool>) -> Self {
        Self {
            inner,
            pace,
            got: 0,
            waited: Duration::ZERO,
            since: None,
            timer: None,
            slow,
        }
    }

    fn came(&mut self, bytes: u64) {
        self.timer = None;
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
        self.got = self.got.saturating_add(bytes);
        if self.got >= self.pace.bytes {
            self.got = 0;
            self.waited = Duration::ZERO;
        }
    }

    /// Whether the window is over without enough in it.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let end = since + self.pace.window.saturating_sub(self.waited);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        timer.as_mut().poll(cx)
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Pending if self.poll_late(cx).is_ready() => {
                self.slow.store(true, Ordering::Release);
                // The next look at it starts a new window.
                self.came(u64::MAX);
                Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
            }
            Poll::Ready(Some(Ok(frame))) => {
                self.came(frame.data_ref().map_or(0, Bytes::len) as u64);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                if matches!(error, Error::ConnectionReadTimeout) {
                    self.slow.store(true, Ordering::Release);
                }
                Poll::Ready(Some(Err(error)))
            }
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use http_body_util::BodyExt;
    use tokio::time::sleep;

    use super::*;

    /// Pieces, each after a pause.
    struct Pieces {
        left: VecDeque<(Duration, usize)>,
        timer: Option<Pin<Box<Sleep>>>,
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let Some((pause, length)) = self.left.front().copied() else {
                return Poll::Ready(None);
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(pause)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
            self.left.pop_front();
            Poll::Ready(Some(Ok(Frame::data(vec![0; length].into()))))
        }
    }

    /// Whether it comes whole, at 100 bytes in 10 seconds; `pause` is made by the reader before each piece.
    async fn comes_whole(pieces: &[(u64, usize)], pause: u64) -> bool {
        let left = pieces
            .iter()
            .map(|(seconds, length)| (Duration::from_secs(*seconds), *length))
            .collect();
        let inner = Pieces { left, timer: None };
        let slow = Arc::new(AtomicBool::new(false));
        let pace = Pace {
            bytes: 100,
            window: Duration::from_secs(10),
        };
        let inner = inner.map_err(|never| match never {}).boxed_unsync();
        let mut body = PacedBody::new(inner, pace, slow.clone());
        loop {
            sleep(Duration::from_secs(pause)).await;
            match body.frame().await {
                Some(Ok(_)) => {}
                Some(Err(_)) => {
                    assert!(slow.load(Ordering::Acquire));
                    return false;
                }
                None => return true,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn drips_are_cut_and_whoever_hurries_is_not() {
        assert!(!comes_whole(&[(1, 1); 30], 0).await);
        assert!(!comes_whole(&[(1, 1000), (60, 1)], 0).await);
        assert!(comes_whole(&[(1, 1); 9], 0).await);
        assert!(comes_whole(&[(9, 100); 30], 0).await);
        assert!(comes_whole(&[(1, 12); 300], 0).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_not_the_clients_fault() {
        assert!(comes_whole(&[(1, 50); 30], 60).await);
    }
}
