//! Holds Kubernetes manifests against schemas.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::go;
use crate::process::{Stop, output};
use crate::toolchain::on_path;

const MODULE: &str = "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0";

pub(super) fn get(stop: &Stop, folder: &Path) -> Result<PathBuf> {
    let program = folder.join("kubeconform");
    if runs(&program) {
        return Ok(program);
    }
    if let Some(installed) = on_path("kubeconform").filter(|installed| runs(installed)) {
        return Ok(installed);
    }
    go::install(stop, folder, MODULE)?;
    ensure!(runs(&program), "{} does not run", program.display());
    Ok(program)
}

fn runs(program: &Path) -> bool {
    output(Command::new(program).arg("-v")).is_some()
}
