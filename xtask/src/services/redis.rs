//! Redis of the system.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::system;
use crate::process::Stop;

pub(super) fn get(stop: &Stop, _folder: &Path) -> Result<PathBuf> {
    system::program(stop, "redis-server", &["redis-server"])
}
