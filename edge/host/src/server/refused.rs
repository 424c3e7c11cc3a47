//! Heads that hyper cannot read are answered like everything else: with a problem and a line in the log.

use std::fmt::Write;

use bytes::Bytes;
use http::{Method, Response};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::Application;
use super::access::Record;
use super::places;
use super::problem::Problem;
use super::service::Client;
use crate::metrics::Refused;

/// Longer paths are cut in the log.
const LOGGED_PATH: usize = 256;
const UNKNOWN: &str = "-";

/// What to say of a head that ended a connection with `error`, where there is something to say.
/// `unread` is what had come of it, and `limit` the bytes that it may have.
pub(super) fn why(error: &hyper::Error, unread: &[u8], limit: usize) -> Option<(Refused, Problem)> {
    let why = if error.is_timeout() {
        // A connection that was merely idle ends without a word.
        (!unread.is_empty()).then_some(Refused::HeadTooSlow)
    } else if error.is_parse_too_large() {
        Some(Refused::HeadTooLarge)
    } else {
        error.is_parse().then_some(Refused::Invalid)
    }?;
    let line = unread.split(|byte| *byte == b'\n').next();
    let line_alone = line.is_some_and(|line| line.len() >= limit);
    Some(match why {
        Refused::HeadTooLarge if line_alone => (why, Problem::UriTooLong),
        _ => (why, places::problem(why)),
    })
}

/// Writes the problem, and the line of the access log with it.
pub(super) async fn answer(
    application: &Application,
    client: &Client,
    problem: Problem,
    unread: &[u8],
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) {
    let id = application.ids.identify(&http::HeaderMap::new());
    let (method, path) = match problem {
        // Of a head that is no HTTP nothing is believed; it may also be gone already.
        Problem::InvalidRequest => None,
        _ => request_line(unread),
    }
    .unwrap_or((UNKNOWN, UNKNOWN));
    let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
    let mut record = Record::new(&application.metrics, method, path, client.peer, id.clone());
    let mut response = problem.message(&id);
    id.name(response.headers_mut());
    record.head(response.status());
    let length = response.body().len() as u64;
    record.expect(Some(length));
    if stream.write_all(&serialise(&response)).await.is_ok() {
        record.sent(length);
    }
}

/// Method and path of a head whose first line looks like one; the query may hold secrets.
fn request_line(head: &[u8]) -> Option<(&str, &str)> {
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let line = line.get(..LOGGED_PATH).unwrap_or(line);
    let mut words = std::str::from_utf8(line).ok()?.splitn(3, ' ');
    let method = words.next()?;
    let path = words.next()?.split('?').next()?;
    let is_method =
        (1..=16).contains(&method.len()) && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_path = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    (is_method && is_path).then_some((method, path))
}

fn serialise(response: &Response<Bytes>) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\r\n", response.status());
    for (name, value) in response.headers() {
        let value = value.to_str().unwrap_or_default();
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let length = response.body().len();
    let _ = write!(
        head,
        "content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(response.body());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines_are_read_with_care() {
        let read = |head: &'static str| request_line(head.as_bytes());
        assert_eq!(read("GET /a?token=x HTTP/1.1\r\n"), Some(("GET", "/a")));
        assert_eq!(read("PATCH /v1/me HT"), Some(("PATCH", "/v1/me")));
        for bad in [
            "",
            "GET",
            "GET a",
            "get /a",
            "\r\nGET /a",
            "Bearer /a",
            "GET /\u{7f}",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let long = format!("GET /{}", "a".repeat(1000)).into_bytes();
        assert_eq!(request_line(&long).unwrap().1.len(), LOGGED_PATH - 4);
    }
}
