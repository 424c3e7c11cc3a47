//! The version of the contract that an edge speaks.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use sluicegate_contract::headers::{CONTRACT, CONTRACT_VERSION};
use sluicegate_contract::problem::ProblemType;

use crate::error::ApiError;

/// How long clients of a newer edge are told to wait, in seconds: origins are being upgraded.
const UPGRADE_RETRY: u32 = 30;

/// Lets through what is spoken here: every version up to our own, and requests that name none.
pub(crate) async fn check(request: Request, next: Next) -> Response {
    match spoken(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn spoken(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(named) = headers.get(CONTRACT) else {
        return Ok(());
    };
    let ours = CONTRACT_VERSION.parse().unwrap_or(1);
    let version: Option<u32> = named.to_str().ok().and_then(|text| text.parse().ok());
    match version {
        Some(version) if (1..=ours).contains(&version) => Ok(()),
        Some(version) if version > ours => {
            tracing::warn!(
                version,
                ours,
                "an edge speaks a newer contract: upgrade the origins first"
            );
            Err(ApiError::new(ProblemType::UnsupportedContract)
                .detail("The edge is newer than the origin.")
                .with("contract", ours)
                .retry_after(UPGRADE_RETRY))
        }
        _ => Err(ApiError::invalid(
            "sluicegate-contract must be a version: a number from 1.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};

    use super::*;

    fn status(version: &'static str) -> Option<StatusCode> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTRACT, HeaderValue::from_static(version));
        let error = spoken(&headers).err()?;
        Some(error.into_response().status())
    }

    #[test]
    fn older_versions_are_spoken_and_newer_ones_are_an_outage() {
        assert!(spoken(&HeaderMap::new()).is_ok());
        assert_eq!(status(CONTRACT_VERSION), None);
        assert_eq!(status("4294967295"), Some(StatusCode::SERVICE_UNAVAILABLE));
        for wrong in ["0", "-1", "one", "", "1.1", "4294967296"] {
            assert_eq!(status(wrong), Some(StatusCode::BAD_REQUEST), "{wrong:?}");
        }
    }
}
