use axum::Router;
use axum::body::Body;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tower::ServiceExt;

/// Begins a request.
pub(crate) fn call(method: &str, path: &str) -> Call {
    Call {
        request: http::request::Builder::new()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path),
        body: Body::empty(),
    }
}

pub(crate) struct Call {
    request: http::request::Builder,
    body: Body,
}

impl Call {
    pub(crate) fn token(self, token: &str) -> Self {
        self.header(header::AUTHORIZATION, &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: impl TryInto<HeaderName>, value: &str) -> Self {
        let name = name.try_into().ok().expect("a header's name");
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and reads nothing of the answer's body yet.
    pub(crate) async fn begin(self, router: &Router) -> Response<Body> {
        let request: Request<Body> = self.request.body(self.body).unwrap();
        router.clone().oneshot(request).await.unwrap()
    }

    /// Sends it and reads the whole answer.
    pub(crate) async fn send(self, router: &Router) -> Answer {
        let (parts, body) = self.begin(router).await.into_parts();
        let body = read(body).await;
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }
}

/// The rest of an answer's body.
pub(crate) async fn read(body: Body) -> Vec<u8> {
    #[expect(clippy::disallowed_methods, reason = "bounded, as the lint asks for")]
    let collected = Limited::new(body, 4 * 1024 * 1024).collect().await;
    collected.expect("a whole answer").to_bytes().to_vec()
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The body, after the status was as it should be.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The problem, after status, type and form were as they should be.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, slug: &str) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let request_id = self.header("x-request-id").to_owned();
        let problem = self.expect(status);
        assert_eq!(problem["type"], format!("/problems/{slug}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["instance"], request_id);
        problem
    }
}
