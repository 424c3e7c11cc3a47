pub(crate) mod get;
pub(crate) mod posts;

use sluicegate_core::account::{Account, parse_handle};

use crate::error::ApiError;
use crate::state::App;

async fn by_handle(app: &App, handle: &str) -> Result<Account, ApiError> {
    let handle = parse_handle(handle).map_err(|_| ApiError::not_found())?;
    app.accounts
        .by_handle(&handle)
        .await?
        .ok_or_else(ApiError::not_found)
}
