//! Counts requests: a layer around the whole API.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use super::Metrics;
use super::families::{Labels, word};

/// Measures a request by its route's template (never by its path, which is the client's) until the last byte
/// of its answer was taken.
pub async fn measure(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or(word(""), |route| route.as_str().to_owned().into());
    let mut running = Running::begin(metrics, method(request.method()), route);
    let response = next.run(request).await;
    running.status = response.status().as_u16().to_string().into();
    response.map(|body| {
        Body::new(Counted {
            body,
            _running: running,
        })
    })
}

/// As OpenTelemetry has it: the known ones, and one word for all others.
fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE",
    ];
    let known = KNOWN.into_iter().find(|known| method.as_str() == *known);
    known.unwrap_or("_OTHER")
}

/// A request that is not over yet; it is when this is dropped.
struct Running {
    metrics: Metrics,
    method: &'static str,
    route: Cow<'static, str>,
    /// Empty while there is none.
    status: Cow<'static, str>,
    began: Instant,
}

impl Running {
    fn begin(metrics: Metrics, method: &'static str, route: Cow<'static, str>) -> Self {
        let running = Self {
            metrics,
            method,
            route,
            status: word(""),
            began: Instant::now(),
        };
        let active = &running.metrics.families.active;
        active
            .get_or_create_owned(&running.labels_of_active())
            .inc();
        running
    }

    fn labels_of_active(&self) -> Labels<1> {
        [("http_request_method", word(self.method))]
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let families = &self.metrics.families;
        families
            .active
            .get_or_create_owned(&self.labels_of_active())
            .dec();
        let labels = [
            ("http_request_method", word(self.method)),
            ("http_route", std::mem::take(&mut self.route)),
            (
                "http_response_status_code",
                std::mem::take(&mut self.status),
            ),
        ];
        let took = self.began.elapsed().as_secs_f64();
        families.requests.get_or_create_owned(&labels).observe(took);
    }
}

/// A body that takes its request's end with it.
struct Counted {
    body: Body,
    _running: Running,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
