//! One request to the application before it listens: settings that a component refuses show at start.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use tokio::time::Instant;

use super::Application;
use super::request_id::REQUEST_ID;
use crate::manifest::Problems;
use crate::wasm::p3::Lease;

/// Asks for `path` as a client would; anything but success or a redirect is a problem.
pub(crate) async fn check(application: &Application, path: &str) -> Result<(), Problems> {
    outcome(application, path).await.map_err(|error| {
        let mut problems = Problems::default();
        problems.add(format!("GET {path}, asked before the start, {error}"));
        problems
    })
}

async fn outcome(application: &Application, path: &str) -> Result<(), String> {
    let id = application.ids.identify(&http::HeaderMap::new());
    let body = Empty::<Bytes>::new().map_err(|never| match never {});
    let request = Request::get(format!("http://localhost{path}"))
        .header(REQUEST_ID, id.as_str())
        .body(body.boxed_unsync())
        .map_err(|error| format!("is not a request: {error}"))?;
    let path = request.uri().path();
    let routed = application.loaded.router.find(path);
    let routed = routed.ok_or("has no route")?;
    let deadline = Instant::now() + application.limits.request_timeout;
    let lease = Arc::new(Lease::new(deadline, Vec::new()));
    let status = routed
        .handler
        .handle(lease, request)
        .await
        .map_err(|failure| format!("failed: {failure:?}"))?
        .status();
    if is_well(status) {
        Ok(())
    } else {
        Err(format!("answers {status}: the log says why"))
    }
}

fn is_well(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection()
}
