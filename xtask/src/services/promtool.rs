//! What comes with Prometheus and reads its settings and rules.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::system;
use crate::process::Stop;
use crate::toolchain::on_path;

const PROGRAM: &str = "promtool";

pub(super) fn there(_folder: &Path) -> Option<PathBuf> {
    on_path(PROGRAM)
}

pub(super) fn get(stop: &Stop, _folder: &Path) -> Result<PathBuf> {
    system::program(stop, PROGRAM, &["prometheus"])
}
