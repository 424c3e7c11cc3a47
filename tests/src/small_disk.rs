//! A disk that can be full.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// A small file system over a folder; gone with the value.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Over a folder that is there; `None` where nothing can be mounted.
    pub fn mount(folder: &Path, mebibytes: u32) -> Option<Self> {
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder.to_owned()))
    }

    /// Takes all the room that is left, until the value is dropped. The file begins with a dot.
    pub fn fill(&self) -> Result<Ballast> {
        let file = self.0.join(".ballast");
        let mut filling = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&file)
            .context("ballast")?;
        while filling.write_all(&[0; 4_096]).is_ok() {}
        Ok(Ballast(file))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// What fills a disk.
pub struct Ballast(PathBuf);

impl Drop for Ballast {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
