//! One request: find the component, take a place, run it, and turn every failure into a problem.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::header::HOST;
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, Version};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;
use wasmtime_wasi_http::WasiBody;

use super::Application;
use super::access::Record;
use super::bodies::{RequestBody, ResponseBody, StallGuard};
use super::problem::Problem;
use super::request_id::RequestId;
use crate::wasm::p3::{Failure, Handler, Lease};

const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("spin-client-addr");
/// When to try again, in seconds.
const RETRY_REQUEST: u64 = 1;
const RETRY_UPLOAD: u64 = 5;

/// Who is at the other end of a connection.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    /// Set when a request was answered before it was read.
    pub(super) unread: Arc<AtomicBool>,
}

pub(super) async fn answer(
    application: &Application,
    client: &Client,
    request: Request<Incoming>,
) -> Response<WasiBody> {
    let arrived = Instant::now();
    let (mut parts, incoming) = request.into_parts();
    let id = application.ids.identify(&parts.headers);
    id.name(&mut parts.headers);
    let mut record = Record::new(
        parts.method.clone(),
        parts.uri.path(),
        client.peer,
        id.clone(),
    );
    let body = RequestBody::new(incoming, record.bytes_in(), client.unread.clone());
    let prepared = prepare(
        application,
        client,
        &mut parts,
        body.is_end_stream(),
        arrived,
    );
    let (handler, lease) = match prepared {
        Ok(prepared) => prepared,
        Err(problem) => {
            let until = arrived + application.limits.body_timeout;
            let mut response = problem.response(&id);
            id.name(response.headers_mut());
            return finish(response, record, until, application, None);
        }
    };
    record.component(handler.id());
    let body = StallGuard::new(body.boxed_unsync(), application.limits.stall_timeout);
    let request = Request::from_parts(parts, body.boxed_unsync());
    let mut response = match handler.handle(lease.clone(), request).await {
        Ok(response) => response,
        Err(failure) => problem(&handler, failure, &id).response(&id),
    };
    id.name(response.headers_mut());
    let until = Instant::now() + application.limits.body_timeout;
    lease.body_until(until);
    finish(response, record, until, application, Some(lease))
}

/// The component and a place for the request; completes its head for the component.
fn prepare(
    application: &Application,
    client: &Client,
    parts: &mut Parts,
    bodiless: bool,
    arrived: Instant,
) -> Result<(Arc<Handler>, Arc<Lease>), Problem> {
    complete_uri(parts, client.local)?;
    let path = parts.uri.path();
    let handler = application
        .loaded
        .router
        .find(path)
        .ok_or(Problem::NotFound)?
        .clone();
    let limits = &application.limits;
    let upload = path.strip_suffix('/').unwrap_or(path) == limits.upload_path;
    let full = |seconds| move |_| Problem::Unavailable(seconds);
    let requests = application.requests.clone().try_acquire_owned();
    let place = match requests {
        // Whoever asks whether the host lives must not be told that it is busy.
        Err(_) if bodiless && path == limits.reserved_path => {
            application.reserve.clone().try_acquire_owned()
        }
        place => place,
    };
    let mut permits = vec![place.map_err(full(RETRY_REQUEST))?];
    let mut timeout = limits.request_timeout;
    if upload {
        let permit = application.uploads.clone().try_acquire_owned();
        permits.push(permit.map_err(full(RETRY_UPLOAD))?);
        timeout = limits.upload_timeout;
    }
    name_client(&mut parts.headers, client.peer);
    Ok((handler, Arc::new(Lease::new(arrived + timeout, permits))))
}

/// Components get an absolute URI; hyper gives what stood in the request line.
fn complete_uri(parts: &mut Parts, local: SocketAddr) -> Result<(), Problem> {
    if !parts.uri.path().starts_with('/') {
        return Err(Problem::InvalidRequest);
    }
    let authority = match (parts.uri.authority(), parts.headers.get(HOST)) {
        (Some(authority), _) => authority.clone(),
        (None, Some(host)) => {
            Authority::try_from(host.as_bytes()).map_err(|_| Problem::InvalidRequest)?
        }
        (None, None) if parts.version < Version::HTTP_11 => {
            Authority::try_from(local.to_string()).map_err(|_| Problem::InvalidRequest)?
        }
        (None, None) => return Err(Problem::InvalidRequest),
    };
    if authority.as_str().contains('@') {
        return Err(Problem::InvalidRequest);
    }
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(authority);
    parts.uri = Uri::from_parts(uri).map_err(|_| Problem::InvalidRequest)?;
    Ok(())
}

/// `spin-*` headers are the host's to set: what a client sends of them is dropped.
fn name_client(headers: &mut HeaderMap, peer: SocketAddr) {
    let forged: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("spin-"))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
    if let Ok(value) = HeaderValue::try_from(peer.to_string()) {
        headers.insert(CLIENT_ADDRESS, value);
    }
}

fn problem(handler: &Handler, failure: Failure, id: &RequestId) -> Problem {
    match failure {
        Failure::TimedOut => {
            tracing::warn!(
                component = handler.id(),
                request_id = id.as_str(),
                "a request ran out of time"
            );
            Problem::GatewayTimeout
        }
        Failure::NoRoom => Problem::Unavailable(RETRY_REQUEST),
        Failure::Failed(error) => {
            tracing::warn!(
                component = handler.id(),
                request_id = id.as_str(),
                "a request failed: {error}"
            );
            Problem::BadGateway
        }
    }
}

fn finish(
    response: Response<WasiBody>,
    mut record: Record,
    until: Instant,
    application: &Application,
    lease: Option<Arc<Lease>>,
) -> Response<WasiBody> {
    record.head(response.status());
    response.map(|body| {
        let body = StallGuard::new(body, application.limits.stall_timeout).boxed_unsync();
        ResponseBody::new(body, record, until, lease).boxed_unsync()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(request: http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    fn local() -> SocketAddr {
        "127.0.0.1:3000".parse().unwrap()
    }

    #[test]
    fn uris_become_absolute() {
        let mut head = parts(Request::get("/a?b").header(HOST, "edge.example:81"));
        complete_uri(&mut head, local()).unwrap();
        assert_eq!(head.uri, "http://edge.example:81/a?b");

        let mut head = parts(Request::get("/a").version(Version::HTTP_10));
        complete_uri(&mut head, local()).unwrap();
        assert_eq!(head.uri, "http://127.0.0.1:3000/a");

        for bad in [
            Request::get("/a"),
            Request::get("/a").header(HOST, "a b"),
            Request::get("/a").header(HOST, "a@b"),
            Request::options("*").header(HOST, "a"),
            Request::connect("a:1").header(HOST, "a"),
        ] {
            assert_eq!(
                complete_uri(&mut parts(bad), local()),
                Err(Problem::InvalidRequest)
            );
        }
    }

    #[test]
    fn clients_cannot_set_the_hosts_headers() {
        let mut headers = HeaderMap::new();
        headers.append("spin-client-addr", HeaderValue::from_static("9.9.9.9"));
        headers.append("spin-client-addr", HeaderValue::from_static("8.8.8.8"));
        headers.append("spin-full-url", HeaderValue::from_static("x"));
        headers.append("accept", HeaderValue::from_static("*/*"));
        name_client(&mut headers, local());
        assert_eq!(headers.len(), 2);
        assert_eq!(headers["spin-client-addr"], "127.0.0.1:3000");
    }
}
