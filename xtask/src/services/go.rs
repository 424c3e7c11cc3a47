//! Programs that Go builds: it compares each module with its database of checksums.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{Stop, run};
use crate::toolchain::on_path;

/// Go itself.
pub(super) fn go() -> Result<PathBuf> {
    on_path("go").context("there is none on the path, and no Go to build it with")
}

/// Builds the program of a module (`path@version`) into a folder; it is there once all is built, so that a run that is
/// cut short leaves none.
pub(super) fn install(stop: &Stop, folder: &Path, module: &str) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut build = Command::new(go()?);
    build.args(["install", module]).env("GOBIN", folder);
    // stdout is for what scripts read.
    run(stop, build.stdout(std::io::stderr()))
}
