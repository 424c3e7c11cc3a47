//! Redis of the system.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::process::Stop;
use crate::toolchain::{can_install, install, on_path};

const PROGRAM: &str = "redis-server";

pub(super) fn get(stop: &Stop, _folder: &Path) -> Result<PathBuf> {
    if let Some(installed) = on_path(PROGRAM) {
        return Ok(installed);
    }
    ensure!(
        can_install(),
        "there is no {PROGRAM} on the path, and only root on Debian can install it"
    );
    install(stop, &[PROGRAM])?;
    on_path(PROGRAM)
        .ok_or_else(|| anyhow::anyhow!("{PROGRAM} was installed, and is not on the path"))
}
