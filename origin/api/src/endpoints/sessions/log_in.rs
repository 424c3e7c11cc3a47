use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use sluicegate_contract::accounts::{LogIn, Session};
use sluicegate_contract::ids::AccountId;
use sluicegate_contract::limits;
use sluicegate_contract::problem::ProblemType;
use sluicegate_core::account::parse_handle;
use sluicegate_core::answer::{self, RequestName};
use sluicegate_core::ports::Credentials;
use sluicegate_core::public::Change;

use crate::attempts;
use crate::auth::session::{self, DeviceToken};
use crate::error::ApiError;
use crate::http::client::ClientAddress;
use crate::http::idempotency::IdempotencyKey;
use crate::http::writes::Writer;
use crate::http::{extract, kept};
use crate::state::App;

/// `POST /v1/sessions`
///
/// An account that does not exist, a handle that cannot be one, and a wrong password: one answer, after the
/// same work.
#[utoipa::path(
    post,
    path = "/v1/sessions",
    tag = "sessions",
    operation_id = "log_in",
    summary = "Log in",
    params(
        ("idempotency-key" = Option<String>, Header, description = "Names the request for 24 hours: a repeat with the same key and handle begins no second session, but goes on with the first one, with new tokens. 409 while the first one is being worked on. Under another handle the same key names another request"),
    ),
    request_body = LogIn,
    responses((status = 201, description = "A session", body = Session)),
    extensions(("x-problems" = json!(["invalid-credentials", "account-leaving", "conflict", "idempotency-key-reused", "too-many-requests"]))),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    client: ClientAddress,
    writer: Writer,
    key: IdempotencyKey,
    extract::Json(request): extract::Json<LogIn>,
) -> Result<(StatusCode, Json<Session>), ApiError> {
    let key = key.read()?;
    if request.password.0.len() > *limits::PASSWORD_BYTES.end() {
        return Err(wrong());
    }
    let handle = parse_handle(&request.handle).ok();
    let device = request.device_token.and_then(DeviceToken::presented);
    let attempt = attempts::log_in(&app, &client, handle.as_deref(), device.as_ref()).await?;
    let credentials = match &handle {
        Some(handle) => app.accounts.credentials(handle).await?,
        None => None,
    };
    let hash = credentials
        .as_ref()
        .map(|found| found.password_hash.clone());
    let right = app.passwords.verify(hash, request.password.0).await?;
    let found = credentials.filter(|_| right).ok_or_else(wrong)?;
    attempts::forget(&app, &attempt).await;
    come_back(&app, &found, request.restore, &writer).await?;

    let account = app
        .accounts
        .account(found.account)
        .await?
        .ok_or_else(wrong)?;
    let device = device
        .filter(|_| attempt.is_known_device)
        .unwrap_or_else(|| DeviceToken::new(&app.env));
    let name = key.map(|key| name(&app, account.id, key, request.restore));
    let session = session::start(&app, account, device, name.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(session)))
}

/// The request by its name. It holds nothing of the password, whose right one was given.
fn name(app: &App, owner: AccountId, key: String, restore: bool) -> RequestName {
    RequestName {
        owner,
        route: "POST /v1/sessions",
        key,
        fingerprint: answer::fingerprint(&[u8::from(restore)]),
        at: app.env.now(),
    }
}

/// An account that its owner has deleted is restored if that is asked for, and said to be deleted if not. When its time
/// is over it is as good as gone.
async fn come_back(
    app: &App,
    found: &Credentials,
    restore: bool,
    writer: &Writer,
) -> Result<(), ApiError> {
    let Some(delete_after) = found.delete_after else {
        return Ok(());
    };
    let now = app.env.now();
    if delete_after <= now {
        return Err(wrong());
    }
    if !restore {
        return Err(ApiError::new(ProblemType::AccountLeaving)
            .detail("Log in with restore to take the deletion back.")
            .with("delete_after", delete_after.to_string()));
    }
    let (accounts, id) = (Arc::clone(&app.accounts), found.account);
    let restoring = async move { accounts.restore(id, now).await };
    writer.is(id);
    if kept::changed(app, Change::Account(id), restoring).await? {
        tracing::info!(account = %found.account, "an account was restored");
        Ok(())
    } else {
        Err(wrong())
    }
}

fn wrong() -> ApiError {
    ApiError::new(ProblemType::InvalidCredentials)
}
