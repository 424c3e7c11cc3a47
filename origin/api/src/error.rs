//! The one error of all handlers, and how it becomes a problem.
//!
//! Faults of services are logged here and nowhere else; what clients read of them is constant.
//! The body is written by `http::around`, which knows the request's id.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use sluicegate_contract::problem::{Problem, ProblemType};
use sluicegate_core::account::InvalidText;
use sluicegate_core::error::PortError;

/// How long clients are told to wait for a service that is down, in seconds.
const OUTAGE_RETRY: u32 = 5;

/// Why a request was not answered as asked.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ProblemType,
    problem: Problem,
    retry_after: Option<u32>,
    headers: HeaderMap,
    fault: Option<PortError>,
}

impl ApiError {
    pub(crate) fn new(kind: ProblemType) -> Self {
        Self(Box::new(Inner {
            kind,
            problem: Problem::new(kind),
            retry_after: None,
            headers: HeaderMap::new(),
            fault: None,
        }))
    }

    /// The request is not what the API reads.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::InvalidRequest).detail(detail)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(ProblemType::NotFound)
    }

    /// Busy or down; `retry_after` in seconds.
    pub(crate) fn unavailable(detail: impl Into<String>, retry_after: u32) -> Self {
        Self::new(ProblemType::Unavailable)
            .detail(detail)
            .retry_after(retry_after)
    }

    #[must_use]
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.problem = self.0.problem.detail(detail);
        self
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.problem = self.0.problem.with(name, value);
        self
    }

    /// Says when to come back, in seconds, as header and member.
    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self.with("retry_after", seconds)
    }

    /// Says more in headers.
    #[must_use]
    pub(crate) fn headers(mut self, headers: HeaderMap) -> Self {
        self.0.headers.extend(headers);
        self
    }

    /// The same for somebody who waited for it with others: what is to be logged of it is logged once.
    pub(crate) fn for_another(&self) -> Self {
        Self(Box::new(Inner {
            kind: self.0.kind,
            problem: self.0.problem.clone(),
            retry_after: self.0.retry_after,
            headers: self.0.headers.clone(),
            fault: None,
        }))
    }

    /// What to log.
    #[must_use]
    pub(crate) fn because(mut self, fault: PortError) -> Self {
        self.0.fault = Some(fault);
        self
    }
}

impl From<PortError> for ApiError {
    fn from(fault: PortError) -> Self {
        let error = if fault.is_unavailable() {
            Self::unavailable("A service that this needs is not available.", OUTAGE_RETRY)
        } else {
            Self::new(ProblemType::Internal)
        };
        error.because(fault)
    }
}

impl From<InvalidText> for ApiError {
    fn from(invalid: InvalidText) -> Self {
        Self::invalid(format!("{invalid}.")).with("field", invalid.field)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Inner {
            kind,
            problem,
            retry_after,
            headers: more,
            fault,
        } = *self.0;
        if let Some(fault) = fault {
            if fault.is_unavailable() {
                tracing::warn!(error = %fault, "a service is not available");
            } else {
                tracing::error!(error = %fault, "a service failed");
            }
        }
        let status =
            StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        let headers = response.headers_mut();
        headers.extend(more);
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge(kind)),
            );
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(problem);
        response
    }
}

/// RFC 6750, section 3.
fn challenge(kind: ProblemType) -> &'static str {
    if kind == ProblemType::Unauthorized {
        r#"Bearer realm="sluicegate", error="invalid_token""#
    } else {
        r#"Bearer realm="sluicegate""#
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_are_503_and_faults_are_500_without_internals() {
        let down = ApiError::from(PortError::unavailable("database", "10.0.0.7 refused"));
        let down = down.into_response();
        assert_eq!(down.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(down.headers()[header::RETRY_AFTER], "5");
        let fault = ApiError::from(PortError::failed("database", "relation x")).into_response();
        assert_eq!(fault.status(), StatusCode::INTERNAL_SERVER_ERROR);
        for response in [down, fault] {
            let problem = response.extensions().get::<Problem>().expect("a problem");
            let text = serde_json::to_string(problem).expect("serialises");
            assert!(
                !text.contains("10.0.0.7") && !text.contains("relation"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_401_says_how_to_authenticate() {
        let response = ApiError::new(ProblemType::InvalidCredentials).into_response();
        assert_eq!(
            response.headers()[header::WWW_AUTHENTICATE],
            r#"Bearer realm="sluicegate""#
        );
    }
}
