use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sluicegate_contract::accounts::{Refresh, Session};
use sluicegate_core::session::Rotation;

use crate::auth::session::{self, RefreshToken};
use crate::auth::tokens::refused;
use crate::error::ApiError;
use crate::http::extract;
use crate::state::App;

/// `POST /v1/sessions/refresh`
#[utoipa::path(
    post,
    path = "/v1/sessions/refresh",
    tag = "sessions",
    operation_id = "refresh",
    summary = "Get the next tokens of a session",
    request_body = Refresh,
    responses((status = 200, description = "New tokens; the old refresh token is used up", body = Session)),
    extensions(("x-problems" = json!(["unauthorized"]))),
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    extract::Json(request): extract::Json<Refresh>,
) -> Result<Json<Session>, ApiError> {
    let presented = RefreshToken::hash_of(&request.refresh_token).ok_or_else(refused)?;
    let next = RefreshToken::new(&app.env);
    let now = app.env.now();
    let rotation = app
        .sessions
        .rotate(&presented, &next.hash, now, session::end_of(now))
        .await?;
    let (session, account) = match rotation {
        Rotation::Rotated { session, account } => (session, account),
        Rotation::Reused => {
            tracing::warn!("a refresh token was used twice; its session was ended");
            return Err(refused());
        }
        Rotation::Unknown => return Err(refused()),
    };
    let account = app.accounts.account(account).await?.ok_or_else(refused)?;
    Ok(Json(session::grant(&app, account, session, next).await?))
}
