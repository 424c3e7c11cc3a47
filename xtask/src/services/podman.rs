//! Podman of the system, which builds and starts our images without a daemon.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::system;
use crate::process::Stop;

/// Both runtimes: which of them can start anything depends on the control groups of the machine.
const PACKAGES: [&str; 4] = ["podman", "crun", "runc", "fuse-overlayfs"];

pub(super) fn get(stop: &Stop, _folder: &Path) -> Result<PathBuf> {
    system::program(stop, "podman", &PACKAGES)
}
