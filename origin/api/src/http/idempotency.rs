//! Requests that their clients name, so that they can be repeated (`Idempotency-Key`).
//!
//! All endpoints that create something know it, and keep the answer for a day. Tokens are not kept: a repeat that begins a session
//! goes on with the one that began, and is given new ones.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use sluicegate_contract::headers::{IDEMPOTENCY_KEY, is_idempotency_key};
use sluicegate_contract::problem::ProblemType;
use sluicegate_core::answer::{Repeat, StoredAnswer};

use crate::error::ApiError;

/// How long clients are told to wait whose first request is being worked on, in seconds.
const RUNNING_RETRY: u32 = 1;

/// The `Idempotency-Key` of a request, unread.
pub(crate) struct IdempotencyKey(Option<Result<String, ()>>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let key = values.next().map(|value| {
            let text = value.to_str().ok().filter(|text| is_idempotency_key(text));
            match (text, values.next()) {
                (Some(text), None) => Ok(text.to_owned()),
                _ => Err(()),
            }
        });
        Ok(Self(key))
    }
}

impl IdempotencyKey {
    /// The key, if there is one and it can be one.
    pub(crate) fn read(self) -> Result<Option<String>, ApiError> {
        self.0.transpose().map_err(|()| {
            ApiError::invalid("Idempotency-Key must be one, of 1 to 255 visible ASCII characters.")
        })
    }
}

/// What a repeat is answered with.
pub(crate) fn repeated(repeat: Repeat) -> Result<Response, ApiError> {
    match repeat {
        Repeat::Answered(answer) => Ok(response(answer)),
        other => Err(refused(&other)),
    }
}

/// What a repeat is refused with: also one that was answered, where answers are not kept, since they hold tokens.
pub(crate) fn refused(repeat: &Repeat) -> ApiError {
    match repeat {
        Repeat::Running => ApiError::new(ProblemType::Conflict)
            .detail("A request with this Idempotency-Key is being worked on.")
            .retry_after(RUNNING_RETRY),
        Repeat::Answered(_) | Repeat::Another => another(),
    }
}

/// The name stands for another request.
pub(crate) fn another() -> ApiError {
    ApiError::new(ProblemType::IdempotencyKeyReused)
        .detail("The request must be the same as the first one with this key.")
}

/// An answer as it is given, the first time and again.
pub(crate) fn response(answer: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    let mut response = (status, [(header::CONTENT_TYPE, json)]).into_response();
    if let Some(location) = answer.location
        && let Ok(location) = HeaderValue::try_from(location)
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    *response.body_mut() = Body::from(answer.body);
    response
}
