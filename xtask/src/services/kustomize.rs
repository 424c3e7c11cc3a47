//! What puts base and overlays together: `kustomize`, or `kubectl`, which has it in it.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::go;
use crate::process::Stop;
use crate::toolchain::on_path;

/// The last that Go 1.26 builds.
const MODULE: &str = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1";

pub(super) fn get(stop: &Stop, folder: &Path) -> Result<PathBuf> {
    let program = folder.join("kustomize");
    if program.is_file() {
        return Ok(program);
    }
    if let Some(installed) = on_path("kustomize").or_else(|| on_path("kubectl")) {
        return Ok(installed);
    }
    go::install(stop, folder, MODULE)?;
    ensure!(program.is_file(), "Go built no {}", program.display());
    Ok(program)
}
