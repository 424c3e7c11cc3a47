//! A body that comes out of a component.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use super::worker::Shared;

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

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(None) if self.worker.has_failed() => {
                Poll::Ready(Some(Err(Error::ConnectionTerminated)))
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
