//! `HAProxy` of the system, which reads the settings of the balancer.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::system;
use crate::process::Stop;

pub(super) fn get(stop: &Stop, _folder: &Path) -> Result<PathBuf> {
    system::program(stop, "haproxy", &["haproxy"])
}
