use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sluicegate_contract::accounts::Account;

use crate::auth::caller::Caller;
use crate::auth::tokens::refused;
use crate::error::ApiError;
use crate::state::App;
use crate::views;

/// `GET /v1/me`
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Account>, ApiError> {
    let account = app
        .accounts
        .account(caller.account)
        .await?
        .ok_or_else(refused)?;
    Ok(Json(views::account(account)))
}
