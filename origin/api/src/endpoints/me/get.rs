use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sluicegate_contract::accounts::Account;

use crate::auth::caller::Caller;
use crate::auth::tokens::refused;
use crate::error::ApiError;
use crate::state::App;

/// `GET /v1/me`
#[utoipa::path(
    get,
    path = "/v1/me",
    tag = "me",
    operation_id = "get_me",
    summary = "Look at the own account",
    security(("token" = [])),
    responses((status = 200, description = "The own account", body = Account)),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Account>, ApiError> {
    let account = app
        .accounts
        .account(caller.account)
        .await?
        .ok_or_else(refused)?;
    Ok(Json(app.eyes(&caller).await?.account(account)))
}
