//! The library of the system that shifts a program's clock.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::system;
use crate::process::Stop;

pub(super) fn get(stop: &Stop, _folder: &Path) -> Result<PathBuf> {
    if let Some(library) = library() {
        return Ok(library);
    }
    system::program(stop, "faketime", &["faketime"])?;
    library().context("faketime is installed without its library")
}

/// Where distributions put it.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten();
    let folders = folders.flatten().map(|folder| folder.path());
    let elsewhere = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    folders
        .chain(elsewhere)
        .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())
}
