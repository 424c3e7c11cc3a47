//! Who reads what everybody may read.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use sluicegate_core::ports;

use super::caller::verified;
use crate::state::App;

/// Somebody with a token that is good, or anybody. Their session is not looked at: all that follows from it is how
/// fresh an answer must be.
pub(crate) struct Reader(pub(crate) ports::Reader);

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        if !app.reads.tells_readers_apart() {
            return Ok(Self(ports::Reader::Anybody));
        }
        Ok(Self(match verified(parts, app).await {
            Ok(verified) => ports::Reader::Account(verified.account),
            Err(_) => ports::Reader::Anybody,
        }))
    }
}
