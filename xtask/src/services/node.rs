//! Node, for the packages that share queues with us: the tests install those themselves, by their lock file.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{Stop, output};
use crate::toolchain::on_path;

/// Of which the packages need at least this one.
const OLDEST: u32 = 20;

pub(super) fn get(_stop: &Stop, _folder: &Path) -> Result<PathBuf> {
    let node = on_path("node").context("there is no node on the path")?;
    ensure!(on_path("npm").is_some(), "there is no npm on the path");
    let said = output(Command::new(&node).arg("--version")).unwrap_or_default();
    let fits = version(&said).is_some_and(|version| version >= OLDEST);
    ensure!(fits, "{} is older than {OLDEST}", said.trim());
    Ok(node)
}

/// `v20.20.2`.
fn version(said: &str) -> Option<u32> {
    said.trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_are_read() {
        assert_eq!(super::version("v20.20.2\n"), Some(20));
        assert_eq!(super::version("20"), None);
    }
}
