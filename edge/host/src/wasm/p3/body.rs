//! Bodies that go into a component, and that come out of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use super::worker::{Lease, Shared};

type Polled = Poll<Option<Result<Frame<Bytes>, Error>>>;

/// Ends cleanly only where the component ended it. When an instance dies, the streams it was writing
/// to just close, which a peer of a chunked body would take for the end.
pub(super) struct WholeBody {
    inner: WasiBody,
    worker: Arc<Shared>,
}

impl WholeBody {
    pub(super) fn new(inner: WasiBody, worker: Arc<Shared>) -> Self {
        Self { inner, worker }
    }
}

impl Body for WholeBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(None) if self.worker.has_failed() => {
                Poll::Ready(Some(Err(Error::ConnectionTerminated)))
            }
            Poll::Ready(frame) => {
                self.worker.moved();
                Poll::Ready(frame)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Who reads a body.
pub(super) enum Reader {
    /// Whichever instance takes the request.
    Of(Arc<Lease>),
    Is(Arc<Shared>),
}

impl Reader {
    fn moved(&self) {
        match self {
            Self::Of(lease) => lease.moved(),
            Self::Is(worker) => worker.moved(),
        }
    }

    fn is_given_up(&self) -> bool {
        match self {
            Self::Of(lease) => lease.is_given_up(),
            Self::Is(_) => false,
        }
    }
}

/// Tells its reader's budget when a piece comes, and fails once nobody waits for what the reader makes of it.
pub(super) struct ReadBody {
    inner: WasiBody,
    reader: Reader,
}

impl ReadBody {
    pub(super) fn new(inner: WasiBody, reader: Reader) -> Self {
        Self { inner, reader }
    }
}

impl Body for ReadBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        if self.reader.is_given_up() {
            return Poll::Ready(Some(Err(Error::HttpResponseTimeout)));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if polled.is_ready() {
            self.reader.moved();
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
