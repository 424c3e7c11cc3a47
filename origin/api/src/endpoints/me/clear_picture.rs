use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sluicegate_contract::accounts::Account;
use sluicegate_core::account::PictureSlot;
use sluicegate_core::public::Change;

use crate::auth::caller::Caller;
use crate::auth::tokens::refused;
use crate::error::ApiError;
use crate::http::kept;
use crate::state::App;

/// `DELETE /v1/me/avatar`
#[utoipa::path(
    delete,
    path = "/v1/me/avatar",
    tag = "me",
    operation_id = "clear_avatar",
    summary = "Show no avatar",
    security(("token" = [])),
    responses((status = 200, description = "The own account", body = Account)),
)]
pub(crate) async fn avatar(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Account>, ApiError> {
    clear(&app, &caller, PictureSlot::Avatar).await
}

/// `DELETE /v1/me/profile-header`
#[utoipa::path(
    delete,
    path = "/v1/me/profile-header",
    tag = "me",
    operation_id = "clear_profile_header",
    summary = "Show no profile header",
    security(("token" = [])),
    responses((status = 200, description = "The own account", body = Account)),
)]
pub(crate) async fn profile_header(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Account>, ApiError> {
    clear(&app, &caller, PictureSlot::ProfileHeader).await
}

async fn clear(app: &App, caller: &Caller, slot: PictureSlot) -> Result<Json<Account>, ApiError> {
    let (accounts, id) = (Arc::clone(&app.accounts), caller.account);
    let clearing = async move { accounts.clear_picture(id, slot).await };
    let account = kept::changed(app, Change::Account(id), clearing).await?;
    let account = account.ok_or_else(refused)?;
    Ok(Json(app.eyes(caller).await?.account(account)))
}
