//! One request: find the component, take a place, run it, and turn every failure into a problem.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::HOST;
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri, Version};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;
use wasmtime_wasi_http::WasiBody;

use super::Application;
use super::access::Record;
use super::bodies::{RequestBody, ResponseBody, StallGuard};
use super::client_address::{client_of, name_client};
use super::pace::{Pace, PacedBody};
use super::places;
use super::problem::Problem;
use super::request_id::RequestId;
use crate::metrics::Refused;
use crate::wasm::Routed;
use crate::wasm::p3::{Failure, Handler, Lease};

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
        &application.metrics,
        parts.method.clone(),
        parts.uri.path(),
        client.peer,
        id.clone(),
    );
    record.traced(application.tracer.request(&mut parts.headers));
    let bodiless = incoming.is_end_stream();
    let admitted = admit(application, client, &mut parts, bodiless, arrived);
    if let Ok(admitted) = &admitted {
        record.component(admitted.routed.handler.id(), &admitted.routed.route);
    }
    let body = RequestBody::new(incoming, record.inward(), client.unread.clone());
    let Admitted {
        routed,
        lease,
        pace,
    } = match admitted {
        Ok(admitted) => admitted,
        Err(why) => {
            // Before the answer, so that whoever is told sees it counted.
            drop(body);
            application.metrics.refused(why);
            let until = arrived + application.limits.body_timeout;
            let mut response = places::problem(why).response(&id);
            id.name(response.headers_mut());
            return finish(response, record, until, application, None);
        }
    };
    let body = StallGuard::new(body.boxed_unsync(), application.limits.stall_timeout);
    let slow = Arc::new(AtomicBool::new(false));
    let body = PacedBody::new(body.boxed_unsync(), pace, slow.clone());
    let request = Request::from_parts(parts, body.boxed_unsync());
    let handled = routed.handler.handle(lease.clone(), request).await;
    let until = Instant::now() + application.limits.body_timeout;
    settle(&lease, &handled, until);
    let mut response = match handled {
        // Whatever the component makes of a body that it did not get: the client was too slow.
        answered if slow.load(Ordering::Acquire) && !has_succeeded(&answered) => {
            application.metrics.refused(Refused::BodyTooSlow);
            places::problem(Refused::BodyTooSlow).response(&id)
        }
        Ok(response) => response,
        Err(failure) => problem(application, &routed.handler, failure, &id).response(&id),
    };
    id.name(response.headers_mut());
    finish(response, record, until, application, Some(lease))
}

/// What the request may go on holding, now that it is known how it is answered.
fn settle(lease: &Lease, handled: &Result<Response<WasiBody>, Failure>, until: Instant) {
    match handled {
        Ok(_) if has_succeeded(handled) => lease.body_until(until),
        // The component may still read on for a while, so that the client sees why.
        Ok(_) => {
            lease.refused();
            lease.body_until(until);
        }
        Err(_) => lease.give_up(),
    }
}

fn has_succeeded(answered: &Result<Response<WasiBody>, Failure>) -> bool {
    matches!(answered, Ok(response) if response.status().is_success())
}

/// A request that has its place.
struct Admitted {
    routed: Arc<Routed>,
    lease: Arc<Lease>,
    pace: Pace,
}

/// The component and a place for the request; completes its head for the component.
fn admit(
    application: &Application,
    client: &Client,
    parts: &mut Parts,
    bodiless: bool,
    arrived: Instant,
) -> Result<Admitted, Refused> {
    complete_uri(parts, client.local).map_err(|_| Refused::Invalid)?;
    let path = parts.uri.path();
    let routed = application.loaded.router.find(path);
    let routed = routed.ok_or(Refused::NoRoute)?.clone();
    let limits = &application.limits;
    let places = &application.places;
    let address = client_of(&parts.headers, client.peer, &application.proxies);
    // Whoever asks whether the host lives must not be told that it is busy.
    let held = if bodiless && path == limits.reserved_path {
        places.reserved()?
    } else {
        places.request(address)?
    };
    let is_upload = path.strip_suffix('/').unwrap_or(path) == limits.upload_path;
    let (lease, bytes) = if is_upload {
        let upload = places.upload(&parts.headers, address)?;
        let deadline = arrived + limits.upload_timeout;
        let lease = Lease::new(deadline, held).until_refused(upload);
        (lease, limits.upload_pace_bytes)
    } else {
        let deadline = arrived + limits.request_timeout;
        (Lease::new(deadline, held), limits.body_pace_bytes)
    };
    name_client(&mut parts.headers, client.peer, address);
    Ok(Admitted {
        routed,
        lease: Arc::new(lease),
        pace: Pace {
            bytes,
            window: limits.pace_window,
        },
    })
}

/// A head that names no host, or no path.
#[derive(Debug, PartialEq, Eq)]
struct Unclear;

/// Components get an absolute URI; hyper gives what stood in the request line.
fn complete_uri(parts: &mut Parts, local: SocketAddr) -> Result<(), Unclear> {
    if !parts.uri.path().starts_with('/') {
        return Err(Unclear);
    }
    let authority = match (parts.uri.authority(), parts.headers.get(HOST)) {
        (Some(authority), _) => authority.clone(),
        (None, Some(host)) => Authority::try_from(host.as_bytes()).map_err(|_| Unclear)?,
        (None, None) if parts.version < Version::HTTP_11 => {
            Authority::try_from(local.to_string()).map_err(|_| Unclear)?
        }
        (None, None) => return Err(Unclear),
    };
    if authority.as_str().contains('@') {
        return Err(Unclear);
    }
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(authority);
    parts.uri = Uri::from_parts(uri).map_err(|_| Unclear)?;
    Ok(())
}

fn problem(
    application: &Application,
    handler: &Handler,
    failure: Failure,
    id: &RequestId,
) -> Problem {
    match failure {
        Failure::TimedOut => {
            tracing::warn!(
                component = handler.id(),
                request_id = id.as_str(),
                "a request ran out of time"
            );
            Problem::GatewayTimeout
        }
        Failure::NoRoom => {
            application.metrics.refused(Refused::InstancesFull);
            places::problem(Refused::InstancesFull)
        }
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
            assert_eq!(complete_uri(&mut parts(bad), local()), Err(Unclear));
        }
    }
}
