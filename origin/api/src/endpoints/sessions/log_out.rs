use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::state::App;

/// `DELETE /v1/sessions/current`
#[utoipa::path(
    delete,
    path = "/v1/sessions/current",
    tag = "sessions",
    operation_id = "log_out",
    summary = "Log out",
    security(("token" = [])),
    responses((status = 204, description = "The session has ended")),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    app.sessions.end(caller.session, app.env.now()).await?;
    app.ended.note(caller.session);
    Ok(StatusCode::NO_CONTENT)
}
