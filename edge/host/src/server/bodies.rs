//! Bodies on their way in and out: counted, and never waited for without end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};
use wasmtime_wasi_http::{Error, WasiBody};

use super::access::Record;
use crate::metrics::Inward;
use crate::wasm::p3::Lease;

type Polled = Poll<Option<Result<Frame<Bytes>, Error>>>;

/// A body that fails when its next piece takes too long.
pub(crate) struct StallGuard {
    inner: WasiBody,
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl StallGuard {
    pub(crate) fn new(inner: WasiBody, limit: Duration) -> Self {
        Self {
            inner,
            limit,
            timer: None,
        }
    }
}

impl Body for StallGuard {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if polled.is_ready() {
            self.timer = None;
            return polled;
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if timer.as_mut().poll(cx).is_ready() {
            self.timer = None;
            return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A request's body, counted. Notes where it is given up before its end.
pub(super) struct RequestBody {
    inner: Incoming,
    inward: Arc<Inward>,
    unread: Arc<AtomicBool>,
    ended: bool,
}

impl RequestBody {
    pub(super) fn new(inner: Incoming, inward: Arc<Inward>, unread: Arc<AtomicBool>) -> Self {
        Self {
            ended: inner.is_end_stream(),
            inner,
            inward,
            unread,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.inward.add(length as u64);
                self.ended = self.inner.is_end_stream();
            }
            Poll::Ready(_) => self.ended = true,
            Poll::Pending => {}
        }
        polled.map_err(Error::from)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.ended {
            self.unread.store(true, Ordering::Release);
        }
    }
}

/// A response's body, counted and bounded in time. Its end writes the access log and gives the
/// request's place free.
pub(super) struct ResponseBody {
    inner: WasiBody,
    record: Record,
    until: Instant,
    _lease: Option<Arc<Lease>>,
}

impl ResponseBody {
    pub(super) fn new(
        inner: WasiBody,
        mut record: Record,
        until: Instant,
        lease: Option<Arc<Lease>>,
    ) -> Self {
        record.expect(inner.size_hint().exact());
        Self {
            inner,
            record,
            until,
            _lease: lease,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        // No timer: pieces come, or the guard inside fails, often enough to look at the clock here.
        if Instant::now() >= self.until {
            return Poll::Ready(Some(Err(Error::HttpResponseTimeout)));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.record.sent(length as u64);
            }
            Poll::Ready(Some(Err(error))) => tracing::debug!("a response broke off: {error}"),
            Poll::Ready(None) => self.record.complete(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
