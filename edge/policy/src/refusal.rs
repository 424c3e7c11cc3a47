//! Errors of the edge's own, ready to be sent.

use serde_json::Value;
use sluicegate_contract::headers::{PROBLEM_JSON, REQUEST_ID};
use sluicegate_contract::problem::{Problem, ProblemType};

use crate::headers::{HeaderList, harden, set};

/// A problem and the headers that go with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    problem: Box<Problem>,
    headers: HeaderList,
}

impl Refusal {
    /// A refusal of this type, and what happened in this case.
    pub fn new(kind: ProblemType, detail: &str) -> Self {
        let problem = Box::new(Problem::new(kind).detail(detail));
        let mut refusal = Self {
            problem,
            headers: HeaderList::new(),
        };
        set(&mut refusal.headers, "content-type", PROBLEM_JSON);
        set(&mut refusal.headers, "cache-control", "no-store");
        refusal
    }

    /// 401 for a request without a token.
    pub fn token_missing() -> Self {
        Self::new(
            ProblemType::Unauthorized,
            "The request carries no access token.",
        )
        .header("www-authenticate", "Bearer")
    }

    /// 401 for a token that is not valid; clients learn no more than that.
    pub fn token_invalid() -> Self {
        Self::new(
            ProblemType::Unauthorized,
            "The access token is not valid, or not any more.",
        )
        .header("www-authenticate", "Bearer error=\"invalid_token\"")
    }

    /// 503, to be tried again after that many seconds.
    pub fn unavailable(detail: &str, seconds: u64) -> Self {
        Self::new(ProblemType::Unavailable, detail)
            .with("retry_after", seconds)
            .header("retry-after", &seconds.to_string())
    }

    /// 405 with the methods that are allowed.
    pub fn wrong_method(allow: &str) -> Self {
        Self::new(
            ProblemType::MethodNotAllowed,
            "The resource does not know this method.",
        )
        .header("allow", allow)
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::new(ProblemType::NotFound, "There is nothing at this address.")
    }

    /// Adds a named member to the problem.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.problem = Box::new(self.problem.with(name, value));
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        set(&mut self.headers, name, value);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.problem.status
    }

    /// The problem, as far as it is not about one request.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Headers and body of the answer to the request of that id.
    pub fn render(self, request_id: &str) -> (HeaderList, Vec<u8>) {
        let mut headers = self.headers;
        let body = serde_json::to_vec(&self.problem.instance(request_id)).unwrap_or_default();
        set(&mut headers, REQUEST_ID, request_id);
        set(&mut headers, "content-length", body.len().to_string());
        harden(&mut headers);
        (headers, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::single;

    #[test]
    fn a_refusal_names_the_request_and_is_never_stored() {
        let refusal = Refusal::unavailable("Busy.", 5);
        assert_eq!(refusal.status(), 503);
        let (headers, body) = refusal.render("r1");
        assert_eq!(single(&headers, "content-type"), Some(PROBLEM_JSON));
        assert_eq!(single(&headers, "retry-after"), Some("5"));
        assert_eq!(single(&headers, "cache-control"), Some("no-store"));
        assert_eq!(single(&headers, "x-content-type-options"), Some("nosniff"));
        let length = body.len().to_string();
        assert_eq!(single(&headers, "content-length"), Some(length.as_str()));
        let problem: Problem = serde_json::from_slice(&body).expect("a problem");
        assert_eq!(problem.instance.as_deref(), Some("r1"));
        assert_eq!(problem.members["retry_after"], 5);
    }
}
