//! The command line that the scripts for backups copy the bucket with, from `PyPI`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::process::{Stop, output};
use crate::python::install_package;
use crate::toolchain::on_path;

const PACKAGE: &str = "awscli==1.46.3";

pub(super) fn get(stop: &Stop, folder: &Path) -> Result<PathBuf> {
    let program = folder.join("bin/aws");
    if runs(&program) {
        return Ok(program);
    }
    if let Some(installed) = on_path("aws").filter(|installed| runs(installed)) {
        return Ok(installed);
    }
    install_package(stop, folder, PACKAGE)?;
    ensure!(runs(&program), "{} does not run", program.display());
    Ok(program)
}

fn runs(program: &Path) -> bool {
    output(Command::new(program).arg("--version")).is_some_and(|said| said.starts_with("aws-cli/"))
}
