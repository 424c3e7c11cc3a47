//! `MinIO`, built by Go from its last commit: the project publishes no programs any more.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::go;
use crate::process::{Stop, output};
use crate::toolchain::on_path;

/// The last commit before its archive was closed; Go compares it with its database of checksums.
const MODULE: &str = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c";

fn there(folder: &Path) -> Option<PathBuf> {
    let places = [Some(folder.join("minio")), on_path("minio")];
    places.into_iter().flatten().find(|program| runs(program))
}

pub(super) fn get(stop: &Stop, folder: &Path) -> Result<PathBuf> {
    if let Some(program) = there(folder) {
        return Ok(program);
    }
    go::install(stop, folder, MODULE)?;
    let program = folder.join("minio");
    ensure!(runs(&program), "{} does not run", program.display());
    Ok(program)
}

fn runs(program: &Path) -> bool {
    output(Command::new(program).arg("--version"))
        .is_some_and(|said| said.starts_with("minio version "))
}
