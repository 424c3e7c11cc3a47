//! The Postgres that is deployed, beside that of the system.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::postgres;
use crate::process::Stop;

pub(super) fn get(stop: &Stop, _folder: &Path) -> Result<PathBuf> {
    postgres::get_deployed(stop)
}
