use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sluicegate_contract::accounts::Profile;

use super::by_handle;
use crate::auth::reader::Reader;
use crate::error::ApiError;
use crate::http::extract::Name;
use crate::state::App;
use crate::views::Eyes;

/// `GET /v1/profiles/{handle}`
#[utoipa::path(
    get,
    path = "/v1/profiles/{handle}",
    tag = "profiles",
    operation_id = "get_profile",
    summary = "Look at a profile",
    params(("handle" = String, Path, description = "Upper case is folded", pattern = "^[A-Za-z0-9_]{3,30}$")),
    security((), ("token" = [])),
    responses((status = 200, description = "The profile", body = Profile)),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    eyes: Eyes,
    Reader(reader): Reader,
    Name(handle): Name<String>,
) -> Result<Json<Profile>, ApiError> {
    Ok(Json(eyes.profile(by_handle(&app, reader, &handle).await?)))
}
