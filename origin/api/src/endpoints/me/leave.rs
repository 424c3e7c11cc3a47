use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use sluicegate_contract::accounts::{Leave, Leaving};
use sluicegate_contract::ids::JobId;
use sluicegate_contract::limits;
use sluicegate_contract::problem::ProblemType;
use sluicegate_core::job::{NewJob, PURGE_QUEUE};
use sluicegate_core::public::Change;
use sluicegate_core::wake::Wake;

use crate::attempts;
use crate::auth::caller::Caller;
use crate::auth::tokens::refused;
use crate::error::ApiError;
use crate::http::trace::Trace;
use crate::http::{extract, kept};
use crate::state::App;

/// `DELETE /v1/me`
///
/// Hides the account and ends all its sessions at once. For 30 days a log-in with `restore` takes that back; then
/// a job deletes everything.
#[utoipa::path(
    delete,
    path = "/v1/me",
    tag = "me",
    operation_id = "delete_account",
    summary = "Delete the own account",
    request_body = Leave,
    responses((status = 202, description = "It is hidden, and will be deleted", body = Leaving)),
    security(("token" = [])),
    extensions(("x-problems" = json!(["forbidden", "too-many-requests"]))),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
    Trace(traceparent): Trace,
    extract::Json(request): extract::Json<Leave>,
) -> Result<(StatusCode, Json<Leaving>), ApiError> {
    let attempt = attempts::leave(&app, caller.account).await?;
    let account = app.accounts.account(caller.account).await?;
    let account = account.ok_or_else(refused)?;
    let credentials = app.accounts.credentials(&account.handle).await?;
    let hash = credentials.map(|found| found.password_hash);
    let fits = request.password.0.len() <= *limits::PASSWORD_BYTES.end();
    if !fits || !app.passwords.verify(hash, request.password.0).await? {
        return Err(ApiError::new(ProblemType::Forbidden).detail("The password is wrong."));
    }
    attempts::forget(&app, &attempt).await;
    let now = app.env.now();
    let id = JobId(app.env.new_id());
    let job = NewJob::purge_account(id, caller.account, traceparent, now);
    let (accounts, leaver) = (Arc::clone(&app.accounts), caller.account);
    let delete_after = now.plus(limits::DELETION_GRACE);
    let leaving = async move { accounts.leave(leaver, now, delete_after, &job).await };
    let delete_after = kept::changed(&app, Change::Account(leaver), leaving).await?;
    let delete_after = delete_after.ok_or_else(refused)?;
    app.ended.note(caller.session);
    app.waker.wake(Wake::Jobs(PURGE_QUEUE));
    tracing::info!(account = %caller.account, %delete_after, "an account was deleted by its owner");
    Ok((StatusCode::ACCEPTED, Json(Leaving { delete_after })))
}
