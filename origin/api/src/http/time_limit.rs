//! How long a request may take.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

/// For requests that only ask the database.
pub(crate) const QUICK: Duration = Duration::from_secs(30);
/// For requests that may have to make or judge a picture; below what edges give an API call.
pub(crate) const SLOW: Duration = Duration::from_secs(55);

/// Gives up on the handler after `limit`. What it began in the database may still be committed.
pub(crate) async fn within(
    State(limit): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::unavailable("This took too long.", 5).into_response(),
    }
}
