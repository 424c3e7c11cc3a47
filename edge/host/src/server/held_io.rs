//! Keeps back what hyper answers by itself when it cannot read a head: an empty 4xx, which says nothing.
//!
//! Such an answer is recognised by its bytes. That is no guess: it is only dropped once hyper has said that
//! it gave up on a head ([`HeldIo::discard`]); in every other case it goes out as it came.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::stalled_io::StalledIo;

const START: &[u8] = b"HTTP/1.";
const FIELDS: &[u8] = b"\r\nconnection: close\r\ncontent-length: 0\r\ndate: ";
/// A date and the end of the head.
const DATE: usize = 29 + 4;
/// The longest status line that hyper writes by itself, and some more.
const STATUS_LINE: usize = 64;

pub(super) struct HeldIo {
    stream: StalledIo,
    held: Vec<u8>,
}

impl HeldIo {
    pub(super) fn new(stream: StalledIo) -> Self {
        Self {
            stream,
            held: Vec::new(),
        }
    }

    /// Drops what is held back: the caller answers instead.
    pub(super) fn discard(&mut self) {
        self.held.clear();
    }

    /// Sends what is held back, and says that nothing more comes.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        self.stream.write_all(&held).await?;
        self.stream.shutdown().await
    }

    fn release(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.held))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.held.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

/// Where in `bytes` an answer of hyper's own begins, if they end with one.
fn bare_answer(bytes: &[u8]) -> Option<usize> {
    let (rest, date) = bytes.split_at_checked(bytes.len().checked_sub(DATE)?)?;
    if !date.ends_with(b"\r\n\r\n") {
        return None;
    }
    let rest = rest.strip_suffix(FIELDS)?;
    let from = rest.len().saturating_sub(STATUS_LINE);
    let line = rest.get(from..)?;
    let start = line.windows(START.len()).rposition(|at| at == START)?;
    line.get(start..)?
        .iter()
        .all(|byte| (b' '..=b'~').contains(byte))
        .then_some(from + start)
}

impl AsyncRead for HeldIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever still reads has not given up.
        ready!(self.release(cx))?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for HeldIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.release(cx))?;
        match bare_answer(bytes) {
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
            Some(0) => {
                self.held.extend_from_slice(bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            // What comes before goes out; the rest is offered again.
            Some(start) => {
                let before = bytes.get(..start).unwrap_or_default();
                Pin::new(&mut self.stream).poll_write(cx, before)
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.release(cx))?;
        let mut filled = slices.iter().filter(|slice| !slice.is_empty());
        match (filled.next(), filled.next()) {
            (Some(only), None) => self.poll_write(cx, only),
            // An answer of hyper's own is never followed by a body, and nothing is left unsent before it.
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.release(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\
                        content-length: 0\r\ndate: Tue, 24 Nov 2026 20:00:00 GMT\r\n\r\n";

    #[test]
    fn bare_answers_are_found_at_the_end() {
        assert_eq!(bare_answer(BARE.as_bytes()), Some(0));
        let after = format!("0\r\n\r\n{BARE}");
        assert_eq!(bare_answer(after.as_bytes()), Some(5));
    }

    #[test]
    fn nothing_else_is_taken_for_one() {
        for other in [
            "",
            "\r\n\r\n",
            &BARE[1..],
            &BARE[..BARE.len() - 1],
            &BARE.replace("date", "x-request-id: 1\r\ndate"),
            &BARE.replace("431 ", "431\r\n"),
        ] {
            assert_eq!(bare_answer(other.as_bytes()), None, "{other}");
        }
    }
}
