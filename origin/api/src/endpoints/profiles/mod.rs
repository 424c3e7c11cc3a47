pub(crate) mod get;
pub(crate) mod posts;

use sluicegate_core::account::{Account, parse_handle};
use sluicegate_core::ports::Reader;

use crate::error::ApiError;
use crate::state::App;

/// As it is stored. What cannot be one is nobody's.
fn handle(name: &str) -> Result<String, ApiError> {
    parse_handle(name).map_err(|_| ApiError::not_found())
}

async fn by_handle(app: &App, reader: Reader, handle: &str) -> Result<Account, ApiError> {
    app.reads
        .by_handle(reader, handle)
        .await?
        .ok_or_else(ApiError::not_found)
}
