//! Whoever has changed something sees it, wherever they read next: what they did is noted before it is answered.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use sluicegate_contract::ids::AccountId;
use sluicegate_core::error::PortError;
use tokio::time::timeout;

use crate::state::App;

const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Whose request it is, once that is known.
#[derive(Clone, Default)]
pub(crate) struct Writer(Arc<OnceLock<AccountId>>);

impl Writer {
    pub(crate) fn is(&self, account: AccountId) {
        // A request is one caller's.
        let _ = self.0.set(account);
    }
}

/// For those whose account is found or made only then.
impl FromRequestParts<Arc<App>> for Writer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

pub(crate) async fn note(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.method().is_safe() || !app.reads.tells_readers_apart() {
        return next.run(request).await;
    }
    let writer = Writer::default();
    request.extensions_mut().insert(writer.clone());
    let response = next.run(request).await;
    // One that failed for us may be committed all the same.
    let status = response.status();
    let may_be_done = status.is_success() || status.is_server_error();
    if let Some(account) = writer.0.get().filter(|_| may_be_done)
        && let Err(error) = noted(&app, *account, status.is_success()).await
    {
        // It is done, and is answered so. Without the primary no replica is known to be fresh, and none is asked.
        tracing::warn!(%error, %account, "a write was not noted: its author may not see it for some seconds");
    }
    response
}

/// Nobody waits long to be told of a failure.
async fn noted(app: &App, account: AccountId, is_done: bool) -> Result<(), PortError> {
    let noting = app.reads.wrote(account);
    if is_done {
        return noting.await;
    }
    let late = |_| PortError::unavailable("database", "no answer in time");
    timeout(AFTER_FAILURE, noting).await.map_err(late)?
}
