use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sluicegate_contract::accounts::{Account, ProfilePatch};
use sluicegate_core::account::{parse_bio, parse_display_name};
use sluicegate_core::public::Change;

use crate::auth::caller::Caller;
use crate::auth::tokens::refused;
use crate::error::ApiError;
use crate::http::{extract, kept};
use crate::state::App;

/// `PATCH /v1/me`
#[utoipa::path(
    patch,
    path = "/v1/me",
    tag = "me",
    operation_id = "patch_me",
    summary = "Change the own profile",
    request_body = ProfilePatch,
    security(("token" = [])),
    responses((status = 200, description = "The own account", body = Account)),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
    extract::Json(patch): extract::Json<ProfilePatch>,
) -> Result<Json<Account>, ApiError> {
    let display_name = patch
        .display_name
        .as_deref()
        .map(parse_display_name)
        .transpose()?;
    let bio = patch.bio.as_deref().map(parse_bio).transpose()?;
    let (accounts, id) = (Arc::clone(&app.accounts), caller.account);
    let update = async move {
        let (display_name, bio) = (display_name.as_deref(), bio.as_deref());
        accounts.update_profile(id, display_name, bio).await
    };
    let account = kept::changed(&app, Change::Account(id), update).await?;
    let account = account.ok_or_else(refused)?;
    Ok(Json(app.eyes(&caller).await?.account(account)))
}
