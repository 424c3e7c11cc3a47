//! What comes with Prometheus and reads its settings and rules.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::system;
use crate::process::Stop;

pub(super) fn get(stop: &Stop, _folder: &Path) -> Result<PathBuf> {
    system::program(stop, "promtool", &["prometheus"])
}
