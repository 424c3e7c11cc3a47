//! `MinIO`, built by Go from its last commit: the project publishes no programs any more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{Stop, output, run};
use crate::toolchain::on_path;

/// The last commit before its archive was closed; Go compares it with its database of checksums.
const MODULE: &str = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c";

pub(super) fn get(stop: &Stop, folder: &Path) -> Result<PathBuf> {
    let program = folder.join("minio");
    if runs(&program) {
        return Ok(program);
    }
    if let Some(installed) = on_path("minio").filter(|installed| runs(installed)) {
        return Ok(installed);
    }
    let go = on_path("go").context("there is none on the path, and no Go to build it with")?;
    fs::create_dir_all(folder)?;
    let mut build = Command::new(go);
    // It writes the program when all is built, so that a run that is cut short leaves none.
    build.args(["install", MODULE]).env("GOBIN", folder);
    run(stop, build.stdout(std::io::stderr()))?;
    ensure!(runs(&program), "{} does not run", program.display());
    Ok(program)
}

fn runs(program: &Path) -> bool {
    output(Command::new(program).arg("--version"))
        .is_some_and(|said| said.starts_with("minio version "))
}
