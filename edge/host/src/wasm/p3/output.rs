//! What components print goes into the log, line by line.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// Longer lines are broken.
const LINE: usize = 4096;

/// Standard output or error of an instance.
#[derive(Clone)]
pub(super) struct Lines {
    component: Arc<str>,
    warns: bool,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn of_output(component: &str) -> Self {
        Self {
            component: component.into(),
            warns: false,
            line: Vec::new(),
        }
    }

    /// What components write on standard error are complaints.
    pub(super) fn of_error(component: &str) -> Self {
        Self {
            component: component.into(),
            warns: true,
            line: Vec::new(),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                self.log();
            } else {
                self.line.push(*byte);
                if self.line.len() == LINE {
                    self.log();
                }
            }
        }
    }

    fn log(&mut self) {
        if !self.line.is_empty() {
            let line = String::from_utf8_lossy(&self.line);
            if self.warns {
                tracing::warn!(target: "guest", component = %self.component, "{line}");
            } else {
                tracing::info!(target: "guest", component = %self.component, "{line}");
            }
            self.line.clear();
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.log();
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Self {
            component: self.component.clone(),
            warns: self.warns,
            line: Vec::new(),
        })
    }
}

impl AsyncWrite for Lines {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
