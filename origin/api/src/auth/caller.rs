//! The extractor of everything that needs an account.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use sluicegate_contract::ids::{AccountId, SessionId};
use sluicegate_contract::token::Role;

use super::tokens::{Verified, refused};
use crate::error::ApiError;
use crate::http::writes::Writer;
use crate::state::App;

/// Who asks: the token is valid and its session lives.
pub(crate) struct Caller {
    pub(crate) account: AccountId,
    /// As the database says: a token may be older than the role.
    pub(crate) role: Role,
    pub(crate) session: SessionId,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let verified = verified(parts, app).await?;
        let live = app.sessions.live(verified.session, app.env.now()).await?;
        let live = live.filter(|live| live.account == verified.account);
        let Some(live) = live else {
            app.ended.note(verified.session);
            return Err(refused());
        };
        tracing::Span::current().record("account", tracing::field::display(verified.account));
        tracing::Span::current().record("role", live.role.as_str());
        if let Some(writer) = parts.extensions.get::<Writer>() {
            writer.is(verified.account);
        }
        Ok(Self {
            account: verified.account,
            role: live.role,
            session: verified.session,
        })
    }
}

/// What the token says, which may have been found out already.
pub(super) async fn verified(parts: &Parts, app: &App) -> Result<Verified, ApiError> {
    if let Some(verified) = parts.extensions.get::<Verified>() {
        return Ok(*verified);
    }
    let token = bearer(parts).ok_or_else(refused)?;
    app.tokens.verify(token).await
}

/// RFC 6750, section 2.1; the scheme's case does not count.
pub(crate) fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts
        .headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
