//! `GET /docs`: the document for people. It is drawn by a script of ours from `/openapi.json`, and loads
//! nothing from other hosts.

use axum::response::{IntoResponse, Response};
use http::header;

use crate::error::ApiError;
use crate::http::extract::Name;

const HTML: &str = include_str!("../../../assets/docs.html");
const CSS: &str = include_str!("../../../assets/docs.css");
const SCRIPT: &str = include_str!("../../../assets/docs.js");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// `GET /docs`
pub(crate) async fn page() -> Response {
    answer("text/html; charset=utf-8", HTML)
}

/// `GET /docs/{file}`: what the page needs.
pub(crate) async fn file(Name(file): Name<String>) -> Result<Response, ApiError> {
    match file.as_str() {
        "docs.css" => Ok(answer("text/css; charset=utf-8", CSS)),
        "docs.js" => Ok(answer("text/javascript; charset=utf-8", SCRIPT)),
        _ => Err(ApiError::not_found()),
    }
}

fn answer(media_type: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, content).into_response()
}
