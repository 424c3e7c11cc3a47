//! The access log: one line a request, written when its response is done, and its span with it.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Method, StatusCode};

use super::request_id::RequestId;
use crate::metrics::{Inward, Metrics, Running};
use crate::traces::OpenSpan;

/// What is known of a request. Written, measured and traced when dropped.
pub(super) struct Record {
    method: Method,
    /// Without the query, which may hold secrets.
    path: String,
    peer: SocketAddr,
    running: Running,
    span: Option<OpenSpan>,
    component: Option<String>,
    status: Option<StatusCode>,
    request_id: RequestId,
    inward: Option<Arc<Inward>>,
    bytes_out: u64,
    /// The length of the response's body, where it is known beforehand.
    expected: Option<u64>,
    ended: bool,
}

impl Record {
    pub(super) fn new(
        metrics: &Metrics,
        method: Method,
        path: &str,
        peer: SocketAddr,
        request_id: RequestId,
    ) -> Self {
        Self {
            running: metrics.begin(&method),
            span: None,
            method,
            path: path.to_owned(),
            peer,
            component: None,
            status: None,
            request_id,
            inward: None,
            bytes_out: 0,
            expected: None,
            ended: false,
        }
    }

    pub(super) fn traced(&mut self, span: Option<OpenSpan>) {
        self.span = span;
    }

    /// Who answers, and by which route.
    pub(super) fn component(&mut self, id: &str, route: &str) {
        self.component = Some(id.to_owned());
        self.running.route(route);
    }

    /// Where to count what comes, once the route is known.
    pub(super) fn inward(&mut self) -> Arc<Inward> {
        let inward = self.inward.get_or_insert_with(|| self.running.inward());
        inward.clone()
    }

    pub(super) fn head(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.running.status(status);
        // Nobody asks for the body of such a response.
        self.ended = self.method == Method::HEAD
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    }

    /// Nobody asks for the end of a body whose length is known either.
    pub(super) fn expect(&mut self, length: Option<u64>) {
        self.expected = length;
    }

    pub(super) fn sent(&mut self, bytes: u64) {
        self.bytes_out += bytes;
        self.running.sent(bytes);
    }

    /// The response's body came to its end.
    pub(super) fn complete(&mut self) {
        self.ended = true;
    }

    fn tell(&self, span: &mut OpenSpan, bytes_in: u64, complete: bool) {
        let (method, route) = (self.running.method(), self.running.known_route());
        span.name(format!("{method} {route}").trim_end().to_owned());
        span.say("http.request.method", method);
        span.say("http.route", route);
        span.say("url.path", self.path.as_str());
        span.say("http.request.body.size", bytes_in);
        span.say("http.response.body.size", self.bytes_out);
        span.say("sluicegate.request_id", self.request_id.as_str());
        if let Some(component) = &self.component {
            span.say("sluicegate.component", component.as_str());
        }
        match self.status {
            Some(status) => span.answered(status),
            None => span.failed("the client went before there was an answer"),
        }
        if self.status.is_some_and(|status| !status.is_server_error()) && !complete {
            span.failed("the answer was cut");
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // 499, as others log it: the client went before there was a response.
        let status = self.status.map_or(499, |status| status.as_u16());
        let bytes_in = self.inward.as_ref().map_or(0, |inward| inward.bytes());
        let complete = self.ended || self.expected == Some(self.bytes_out);
        if let Some(mut span) = self.span.take() {
            self.tell(&mut span, bytes_in, complete);
        }
        let duration = self.running.began().elapsed().as_secs_f64() * 1000.0;
        tracing::info!(
            target: "access",
            method = %self.method,
            path = %self.path,
            status,
            duration_ms = (duration * 100.0).round() / 100.0,
            bytes_in,
            bytes_out = self.bytes_out,
            request_id = self.request_id.as_str(),
            component = self.component.as_deref().unwrap_or("-"),
            peer = %self.peer,
            complete,
        );
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::server::request_id::RequestIds;
    use crate::traces::Tracer;

    /// The lines that a log wrote.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn logged(method: Method, act: impl FnOnce(&mut Record)) -> serde_json::Value {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(lines.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let id = RequestIds::default().identify(&http::HeaderMap::new());
            let mut record = Record::new(
                &Metrics::new(Tracer::default()),
                method,
                "/path",
                "127.0.0.1:9".parse().unwrap(),
                id,
            );
            act(&mut record);
        });
        let text = lines.0.lock().unwrap().clone();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn a_body_of_known_length_is_complete_when_all_of_it_went() {
        for (sent, complete) in [(5, true), (4, false)] {
            let line = logged(Method::GET, |record| {
                record.head(StatusCode::OK);
                record.expect(Some(5));
                record.sent(sent);
            });
            assert_eq!(line["complete"], complete);
        }
    }

    #[test]
    fn responses_without_a_body_are_complete_at_once() {
        let line = logged(Method::HEAD, |record| {
            record.head(StatusCode::OK);
            record.expect(Some(5));
        });
        assert_eq!(line["complete"], true);
    }

    #[test]
    fn a_client_that_goes_early_is_logged_too() {
        let line = logged(Method::GET, |_| {});
        assert_eq!(line["status"], 499);
        assert_eq!(line["complete"], false);
        assert_eq!(line["path"], "/path");
    }
}
