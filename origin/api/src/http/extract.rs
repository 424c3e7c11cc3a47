//! What handlers read from a request, with our problems where it cannot be read.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{BytesRejection, FailedToBufferBody, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;
use sluicegate_contract::problem::ProblemType;

use crate::error::ApiError;
use crate::state::App;

/// How long a body of at most 1 MiB may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(20);

/// A JSON body, not larger than allowed.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let body = axum::Json::<T>::from_request(request, app);
        match tokio::time::timeout(BODY_TIME, body).await {
            Ok(Ok(axum::Json(body))) => Ok(Self(body)),
            Ok(Err(rejection)) => Err(unreadable(&rejection, app.config.limits.json_body)),
            Err(_) => Err(ApiError::new(ProblemType::RequestTimeout)),
        }
    }
}

fn unreadable(rejection: &JsonRejection, limit: usize) -> ApiError {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            ApiError::new(ProblemType::UnsupportedMediaType)
                .detail("The body must be JSON, with content-type application/json.")
        }
        JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(
            FailedToBufferBody::LengthLimitError(_),
        )) => ApiError::new(ProblemType::TooLarge).with("limit", limit),
        JsonRejection::BytesRejection(rejection)
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            ApiError::new(ProblemType::TooLarge).with("limit", limit)
        }
        JsonRejection::JsonDataError(error) => ApiError::invalid(error.body_text()),
        JsonRejection::JsonSyntaxError(_) => ApiError::invalid("The body is not JSON."),
        _ => ApiError::invalid("The body could not be read."),
    }
}

/// The query, by name.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(ApiError::invalid(rejection.body_text())),
        }
    }
}

/// The one variable part of the path. What cannot be one names nothing: 404.
pub(crate) struct Name<T>(pub(crate) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Name<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::not_found())?;
        text.parse().map(Self).map_err(|_| ApiError::not_found())
    }
}
