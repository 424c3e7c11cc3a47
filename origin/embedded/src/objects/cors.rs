//! What pages of other sites may do: send an object to a presigned URL.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, Response, StatusCode};
use s3s::{Body, HttpResponse};

/// What a presigned PUT carries that a page may not send unasked.
const HEADERS: &[&str] = &[
    "content-type",
    "content-length",
    "if-none-match",
    "x-amz-checksum-sha256",
];

/// The sites that may.
#[derive(Debug, Clone)]
pub(super) struct Cors {
    origins: Vec<String>,
}

impl Cors {
    pub(super) fn new(origins: Vec<String>) -> Self {
        Self { origins }
    }

    /// The answer to a preflight; `None` if it is none.
    pub(super) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<HttpResponse> {
        let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        if method != Method::OPTIONS {
            return None;
        }
        let mut response = Response::new(Body::empty());
        let origin = self.origin(headers);
        let allowed = wanted == "PUT" && are_known(headers);
        let Some(origin) = origin.filter(|_| allowed) else {
            *response.status_mut() = StatusCode::FORBIDDEN;
            return Some(response);
        };
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("PUT"),
        );
        if let Ok(names) = HeaderValue::from_str(&HEADERS.join(", ")) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        answer.insert(VARY, HeaderValue::from_static("origin"));
        Some(response)
    }

    /// The site, if the request is a PUT of one that may.
    pub(super) fn sharing(&self, method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
        self.origin(headers).filter(|_| method == Method::PUT)
    }

    fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let known = self
            .origins
            .iter()
            .any(|known| known.as_bytes() == origin.as_bytes());
        known.then(|| origin.clone())
    }
}

/// Lets the page see the answer.
pub(super) fn share(response: &mut HttpResponse, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("etag"),
    );
    headers.append(VARY, HeaderValue::from_static("origin"));
}

fn are_known(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .all(|names| {
            names.to_str().is_ok_and(|names| {
                names
                    .split(',')
                    .map(str::trim)
                    .all(|name| HEADERS.iter().any(|known| known.eq_ignore_ascii_case(name)))
            })
        })
}
