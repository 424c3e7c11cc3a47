//! A handler that panicked: logged, and answered with a 500.

use std::any::Any;

use axum::response::{IntoResponse, Response};
use sluicegate_contract::problem::ProblemType;

use crate::error::ApiError;

pub(crate) fn answer(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    tracing::error!(panic = message, "a handler panicked");
    ApiError::new(ProblemType::Internal).into_response()
}
