//! A component for the tests of the host: what it does depends on the path.

mod misbehave;
mod stream;

use std::sync::atomic::{AtomicUsize, Ordering};

use spin_sdk::variables;
use spin_sdk::wasip3::exports::http::handler::Guest as Handler;
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{ErrorCode, Method, Request, Response, Scheme};

struct Component;

spin_sdk::wasip3::http::service::export!(Component);

impl Handler for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/hello" => Ok(stream::text(200, "hello".to_owned())),
            "/echo" => Ok(stream::pump(request)),
            "/hand-on" => Ok(stream::hand_on(request)),
            "/refuse" => Ok(stream::refuse(request)),
            "/count" => Ok(stream::count(request).await),
            "/uses" => Ok(stream::text(200, uses())),
            "/headers" => Ok(stream::text(200, headers(&request))),
            "/fetch" => Ok(fetch(query).await),
            "/send" => Ok(send(request, query).await),
            "/abort" => Ok(abort(query).await),
            "/loop" => Ok(misbehave::compute()),
            "/bomb" => Ok(misbehave::allocate()),
            "/trap" => Ok(misbehave::trap()),
            "/wait" => Ok(misbehave::wait().await),
            "/half-loop" => Ok(misbehave::half_and_compute()),
            "/half" => Ok(misbehave::half()),
            "/error" => Err(ErrorCode::InternalError(Some("on purpose".to_owned()))),
            other => Ok(match other.strip_prefix("/var/") {
                Some(name) => variable(name).await,
                None => stream::text(404, "no such behaviour".to_owned()),
            }),
        }
    }
}

/// How often this instance was asked.
fn uses() -> String {
    static USES: AtomicUsize = AtomicUsize::new(0);
    (USES.fetch_add(1, Ordering::Relaxed) + 1).to_string()
}

async fn variable(name: &str) -> Response {
    match variables::get(name).await {
        Ok(value) => stream::text(200, value),
        Err(error) => stream::text(404, format!("{error:?}")),
    }
}

fn headers(request: &Request) -> String {
    request
        .get_headers()
        .copy_all()
        .iter()
        .map(|(name, value)| [name, ": ", &String::from_utf8_lossy(value), "\n"].concat())
        .collect()
}

/// `GET`s the address in the query, and tells what became of it.
async fn fetch(url: &str) -> Response {
    outcome(client::send(outgoing(&Method::Get, url, stream::nothing())).await)
}

/// Sends the request's body on, unread, to the address in the query.
async fn send(request: Request, url: &str) -> Response {
    let body = stream::take(request);
    outcome(client::send(outgoing(&Method::Put, url, body)).await)
}

/// Begins to send a body to the address in the query, and gives it up.
async fn abort(url: &str) -> Response {
    let request = outgoing(&Method::Put, url, stream::aborted());
    outcome(client::send(request).await)
}

fn outgoing(method: &Method, url: &str, body: stream::Body) -> Request {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let request = stream::request(body);
    let _ = request
        .set_method(method)
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(&format!("/{path}"))));
    request
}

fn outcome(sent: Result<Response, ErrorCode>) -> Response {
    match sent {
        Ok(response) => stream::text(200, response.get_status_code().to_string()),
        Err(error) => stream::text(200, format!("{error:?}")),
    }
}
