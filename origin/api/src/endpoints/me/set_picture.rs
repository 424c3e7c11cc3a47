use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sluicegate_contract::accounts::{Account, SetPicture};
use sluicegate_contract::problem::ProblemType;
use sluicegate_core::account::PictureSlot;
use sluicegate_core::ports::SetPictureError;
use sluicegate_core::public::Change;

use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::http::{extract, kept};
use crate::state::App;

/// `PUT /v1/me/avatar`
#[utoipa::path(
    put,
    path = "/v1/me/avatar",
    tag = "me",
    operation_id = "set_avatar",
    summary = "Show an upload as avatar",
    request_body = SetPicture,
    security(("token" = [])),
    responses((status = 200, description = "The own account", body = Account)),
    extensions(("x-problems" = json!(["unsuitable-upload"]))),
)]
pub(crate) async fn avatar(
    State(app): State<Arc<App>>,
    caller: Caller,
    extract::Json(request): extract::Json<SetPicture>,
) -> Result<Json<Account>, ApiError> {
    set(&app, &caller, PictureSlot::Avatar, &request).await
}

/// `PUT /v1/me/profile-header`
#[utoipa::path(
    put,
    path = "/v1/me/profile-header",
    tag = "me",
    operation_id = "set_profile_header",
    summary = "Show an upload as profile header",
    request_body = SetPicture,
    security(("token" = [])),
    responses((status = 200, description = "The own account", body = Account)),
    extensions(("x-problems" = json!(["unsuitable-upload"]))),
)]
pub(crate) async fn profile_header(
    State(app): State<Arc<App>>,
    caller: Caller,
    extract::Json(request): extract::Json<SetPicture>,
) -> Result<Json<Account>, ApiError> {
    set(&app, &caller, PictureSlot::ProfileHeader, &request).await
}

async fn set(
    app: &App,
    caller: &Caller,
    slot: PictureSlot,
    request: &SetPicture,
) -> Result<Json<Account>, ApiError> {
    let (accounts, id, upload) = (Arc::clone(&app.accounts), caller.account, request.upload_id);
    let setting = async move { accounts.set_picture(id, slot, upload).await };
    match kept::changed(app, Change::Account(id), setting).await {
        Ok(account) => Ok(Json(app.eyes(caller).await?.account(account))),
        Err(SetPictureError::Unsuitable) => Err(ApiError::new(ProblemType::UnsuitableUpload)
            .detail(format!(
                "It must be an upload of your own with purpose {}, that has arrived and was not removed.",
                slot.purpose().as_str()
            ))),
        Err(SetPictureError::Port(error)) => Err(error.into()),
    }
}
