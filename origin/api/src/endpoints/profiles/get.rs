use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use sluicegate_contract::accounts::Profile;
use sluicegate_core::public::Item;

use super::{by_handle, handle};
use crate::auth::reader::Reader;
use crate::error::ApiError;
use crate::http::extract::Name;
use crate::http::kept::{Stranger, kept, view};
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
    stranger: Stranger,
    eyes: Eyes,
    Reader(reader): Reader,
    Name(name): Name<String>,
) -> Result<Response, ApiError> {
    let handle = handle(&name)?;
    let item = Item::profile(view(&app), &handle);
    let read = async {
        let account = by_handle(&app, reader, &handle).await?;
        let owner = account.id;
        Ok((eyes.profile(account), Some(owner)))
    };
    kept(&app, stranger, Some(item), read).await
}
