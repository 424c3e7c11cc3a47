//! Programs of the system: those on the path, else those of its packages.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::process::Stop;
use crate::toolchain::{can_install, install, on_path};

/// A program, from these packages where it is missing.
pub(super) fn program(stop: &Stop, program: &str, packages: &[&str]) -> Result<PathBuf> {
    if let Some(installed) = on_path(program) {
        return Ok(installed);
    }
    ensure!(
        can_install(),
        "there is no {program} on the path, and only root on Debian can install it"
    );
    install(stop, packages)?;
    on_path(program).with_context(|| format!("{program} was installed, and is not on the path"))
}
