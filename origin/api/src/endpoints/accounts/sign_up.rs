use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use sluicegate_contract::accounts::{Session, SignUp};
use sluicegate_contract::ids::AccountId;
use sluicegate_contract::problem::ProblemType;
use sluicegate_core::account::{NewAccount, check_password, parse_display_name, parse_handle};
use sluicegate_core::ports::CreateAccountError;

use crate::attempts;
use crate::auth::session::{self, DeviceToken};
use crate::error::ApiError;
use crate::http::client::ClientAddress;
use crate::http::extract;
use crate::http::writes::Writer;
use crate::state::App;

/// `POST /v1/accounts`
#[utoipa::path(
    post,
    path = "/v1/accounts",
    tag = "accounts",
    operation_id = "sign_up",
    summary = "Sign up",
    request_body = SignUp,
    responses((status = 201, description = "An account and its first session", body = Session)),
    extensions(("x-problems" = json!(["handle-taken", "too-many-requests"]))),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    client: ClientAddress,
    writer: Writer,
    extract::Json(request): extract::Json<SignUp>,
) -> Result<(StatusCode, Json<Session>), ApiError> {
    let handle = parse_handle(&request.handle)?;
    let display_name = match &request.display_name {
        Some(name) => parse_display_name(name)?,
        None => handle.clone(),
    };
    check_password(&request.password.0)?;
    attempts::sign_up(&app, &client).await?;

    let password_hash = app.passwords.hash(request.password.0).await?;
    let id = AccountId(app.env.new_id());
    let account = NewAccount {
        id,
        handle,
        display_name,
        password_hash,
        created_at: app.env.now(),
    };
    let device = DeviceToken::new(&app.env);
    let (first, refresh) = session::new(&app.env, id, &device);
    let account = app
        .accounts
        .create(&account, &first)
        .await
        .map_err(refused)?;
    writer.is(id);
    let session = session::begin(&app, account, first.id, refresh, device).await?;
    Ok((StatusCode::CREATED, Json(session)))
}

fn refused(error: CreateAccountError) -> ApiError {
    match error {
        CreateAccountError::HandleTaken => ApiError::new(ProblemType::HandleTaken),
        CreateAccountError::Port(error) => error.into(),
    }
}
