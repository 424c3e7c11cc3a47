use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use sluicegate_contract::accounts::{Session, SignUp};
use sluicegate_contract::ids::AccountId;
use sluicegate_contract::problem::ProblemType;
use sluicegate_core::account::{NewAccount, check_password, parse_display_name, parse_handle};
use sluicegate_core::answer::{self, Repeat, RequestName};
use sluicegate_core::ports::CreateAccountError;

use crate::attempts;
use crate::auth::session::{self, DeviceToken};
use crate::error::ApiError;
use crate::http::client::ClientAddress;
use crate::http::extract;
use crate::http::idempotency::{IdempotencyKey, another, refused};
use crate::http::writes::Writer;
use crate::state::App;

/// `POST /v1/accounts`
#[utoipa::path(
    post,
    path = "/v1/accounts",
    tag = "accounts",
    operation_id = "sign_up",
    summary = "Sign up",
    params(
        ("idempotency-key" = Option<String>, Header, description = "Names the request for 24 hours: a repeat with the same key, handle and content goes on with the account and the session that the first one made, with new tokens; beside the first one it waits for it, or is answered 409. Under another handle the same key names another request"),
    ),
    request_body = SignUp,
    responses((status = 201, description = "An account and its first session", body = Session)),
    extensions(("x-problems" = json!(["conflict", "handle-taken", "idempotency-key-reused", "too-many-requests"]))),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    client: ClientAddress,
    writer: Writer,
    key: IdempotencyKey,
    extract::Json(request): extract::Json<SignUp>,
) -> Result<(StatusCode, Json<Session>), ApiError> {
    let key = key.read()?;
    let handle = parse_handle(&request.handle)?;
    let display_name = match &request.display_name {
        Some(name) => parse_display_name(name)?,
        None => handle.clone(),
    };
    let password = request.password.0;
    check_password(&password)?;
    attempts::sign_up(&app, &client).await?;

    let first = Named {
        key,
        fingerprint: answer::fingerprint(display_name.as_bytes()),
    };
    if let Some(session) = first.again(&app, &handle, &password, &writer).await? {
        return Ok((StatusCode::CREATED, Json(session)));
    }
    let id = AccountId(app.env.new_id());
    let account = NewAccount {
        id,
        handle: handle.clone(),
        display_name,
        password_hash: app.passwords.hash(password.clone()).await?,
        created_at: app.env.now(),
    };
    let device = DeviceToken::new(&app.env);
    let (begun, refresh) = session::new(&app.env, id, &device);
    let created = match first.name(&app, id) {
        None => app.accounts.create(&account, &begun).await,
        Some(name) => app.accounts.create_once(&account, &begun, &name).await,
    };
    if !matches!(created, Err(CreateAccountError::HandleTaken)) {
        // It may be there though we were not told.
        writer.is(id);
    }
    let session = match created {
        Ok(account) => session::begin(&app, account, begun.id, refresh, device).await?,
        // By the first request, if this one came beside it.
        Err(CreateAccountError::HandleTaken) => first
            .again(&app, &handle, &password, &writer)
            .await?
            .ok_or_else(|| ApiError::new(ProblemType::HandleTaken))?,
        Err(CreateAccountError::Port(error)) => return Err(error.into()),
    };
    Ok((StatusCode::CREATED, Json(session)))
}

/// What the client calls the request. A name belongs to the account that was made under it, so what is asked for besides the
/// handle is what it must be the same in. Nothing of the password is kept: it is checked.
struct Named {
    key: Option<String>,
    fingerprint: [u8; 32],
}

impl Named {
    fn name(&self, app: &App, owner: AccountId) -> Option<RequestName> {
        Some(RequestName {
            owner,
            route: "POST /v1/accounts",
            key: self.key.clone()?,
            fingerprint: self.fingerprint,
            at: app.env.now(),
        })
    }

    /// The session that a request of this name began, if there was one.
    async fn again(
        &self,
        app: &App,
        handle: &str,
        password: &str,
        writer: &Writer,
    ) -> Result<Option<Session>, ApiError> {
        if self.key.is_none() {
            return Ok(None);
        }
        let Some(found) = app.accounts.credentials(handle).await? else {
            return Ok(None);
        };
        let Some(name) = self.name(app, found.account) else {
            return Ok(None);
        };
        match app.answers.find(&name).await? {
            None => return Ok(None),
            Some(Repeat::Answered(_)) => {}
            Some(repeat) => return Err(refused(&repeat)),
        }
        let hash = Some(found.password_hash);
        if !app.passwords.verify(hash, password.to_owned()).await? {
            return Err(another());
        }
        let account = app.accounts.account(found.account).await?;
        let Some(account) = account.filter(|_| found.delete_after.is_none()) else {
            return Ok(None);
        };
        // Whoever was not answered the first time was not noted either.
        writer.is(account.id);
        let device = DeviceToken::new(&app.env);
        let session = session::start(app, account, device, Some(&name)).await?;
        Ok(Some(session))
    }
}
