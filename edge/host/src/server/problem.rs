//! The host's own answers, as `application/problem+json` with the types that the whole platform uses.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::WasiBody;

use super::request_id::RequestId;

/// What the host answers where no component does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// No host, a request target that is not a path, or a head that is not HTTP.
    InvalidRequest,
    NotFound,
    /// The head did not come in time.
    RequestTimeout,
    /// The request line alone is longer than a head may be.
    UriTooLong,
    /// The head is longer, or has more fields, than it may.
    HeadersTooLarge,
    /// A client has more than its share; seconds after which to try again.
    TooManyRequests(u64),
    /// A component trapped, ran out of memory, or answered with an error.
    BadGateway,
    /// A component did not answer in time.
    GatewayTimeout,
    /// Too much is going on; seconds after which to try again.
    Unavailable(u64),
}

impl Problem {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidRequest => (
                StatusCode::BAD_REQUEST,
                "invalid-request",
                "The request is not valid",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not-found",
                "There is no such resource",
            ),
            Self::RequestTimeout => (
                StatusCode::REQUEST_TIMEOUT,
                "request-timeout",
                "The request took too long to arrive",
            ),
            Self::UriTooLong => (
                StatusCode::URI_TOO_LONG,
                "uri-too-long",
                "The address is too long",
            ),
            Self::HeadersTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers-too-large",
                "The headers are too large",
            ),
            Self::TooManyRequests(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-requests",
                "Too many requests",
            ),
            Self::BadGateway => (
                StatusCode::BAD_GATEWAY,
                "bad-gateway",
                "A service behind the gateway failed",
            ),
            Self::GatewayTimeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "gateway-timeout",
                "A service behind the gateway was too slow",
            ),
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The service is not available right now",
            ),
        }
    }

    /// `id` is the request's: a client can name it, and it stands in the access log.
    pub(super) fn response(self, id: &RequestId) -> Response<WasiBody> {
        self.message(id).map(|body| {
            Full::new(body)
                .map_err(|never| match never {})
                .boxed_unsync()
        })
    }

    pub(super) fn message(self, id: &RequestId) -> Response<Bytes> {
        let (status, slug, title) = self.parts();
        let mut json = serde_json::json!({
            "type": format!("/problems/{slug}"),
            "title": title,
            "status": status.as_u16(),
            "instance": id.as_str(),
        });
        let retry = match self {
            Self::Unavailable(seconds) | Self::TooManyRequests(seconds) => Some(seconds),
            _ => None,
        };
        if let (Some(seconds), Some(members)) = (retry, json.as_object_mut()) {
            members.insert("retry_after".to_owned(), seconds.into());
        }
        let mut response = Response::new(Bytes::from(json.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(seconds) = retry {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::request_id::RequestIds;

    #[tokio::test]
    async fn says_type_status_and_when_to_try_again() {
        let id = RequestIds::default().identify(&http::HeaderMap::new());
        let response = Problem::Unavailable(5).response(&id);
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[RETRY_AFTER], "5");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let frame = response.into_body().frame().await.unwrap().unwrap();
        let bytes = frame.into_data().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["type"], "/problems/unavailable");
        assert_eq!(json["status"], 503);
        assert_eq!(json["retry_after"], 5);
        assert_eq!(json["instance"], id.as_str());
    }
}
