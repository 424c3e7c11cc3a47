use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;

use crate::error::ApiError;
use crate::state::App;

/// `GET /.well-known/jwks.json`
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "documents",
    operation_id = "get_keys",
    summary = "The keys that verify access tokens",
    responses((status = 200, description = "A JWK set (RFC 7517)", body = Object)),
)]
pub(crate) async fn handler(State(app): State<Arc<App>>) -> Result<impl IntoResponse, ApiError> {
    let keys = app.tokens.key_set().await?;
    Ok(([(header::CACHE_CONTROL, "public, max-age=300")], Json(keys)))
}
