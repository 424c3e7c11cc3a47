//! The access log: one line a request, written when its response is done.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::{HeaderMap, Method, StatusCode};

/// What is known of a request. Written when dropped.
pub(super) struct Record {
    method: Method,
    /// Without the query, which may hold secrets.
    path: String,
    peer: SocketAddr,
    started: Instant,
    component: Option<String>,
    status: Option<StatusCode>,
    request_id: Option<String>,
    bytes_in: Arc<AtomicU64>,
    bytes_out: u64,
    complete: bool,
}

impl Record {
    pub(super) fn new(method: Method, path: &str, peer: SocketAddr) -> Self {
        Self {
            method,
            path: path.to_owned(),
            peer,
            started: Instant::now(),
            component: None,
            status: None,
            request_id: None,
            bytes_in: Arc::new(AtomicU64::new(0)),
            bytes_out: 0,
            complete: false,
        }
    }

    pub(super) fn bytes_in(&self) -> Arc<AtomicU64> {
        self.bytes_in.clone()
    }

    pub(super) fn component(&mut self, id: &str) {
        self.component = Some(id.to_owned());
    }

    pub(super) fn head(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = Some(status);
        self.request_id = headers
            .get("x-request-id")
            .and_then(|id| id.to_str().ok())
            .filter(|id| id.len() <= 128)
            .map(str::to_owned);
    }

    pub(super) fn sent(&mut self, bytes: u64) {
        self.bytes_out += bytes;
    }

    /// The response's body came to its end.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // 499, as others log it: the client went before there was a response.
        let status = self.status.map_or(499, |status| status.as_u16());
        let duration = self.started.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(
            target: "access",
            method = %self.method,
            path = %self.path,
            status,
            duration_ms = (duration * 100.0).round() / 100.0,
            bytes_in = self.bytes_in.load(Ordering::Relaxed),
            bytes_out = self.bytes_out,
            request_id = self.request_id.as_deref().unwrap_or("-"),
            component = self.component.as_deref().unwrap_or("-"),
            peer = %self.peer,
            complete = self.complete,
        );
    }
}
