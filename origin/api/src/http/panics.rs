//! A handler that panicked: logged, and answered with a 500.

use std::any::Any;

use axum::response::{IntoResponse, Response};
use sluicegate_contract::problem::ProblemType;

use crate::error::ApiError;

pub(crate) fn answer(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = match panic.downcast::<&'static str>() {
        Ok(text) => (*text).to_owned(),
        Err(panic) => panic
            .downcast::<String>()
            .map_or_else(|_| String::new(), |text| *text),
    };
    tracing::error!(panic = message, "a handler panicked");
    ApiError::new(ProblemType::Internal).into_response()
}
