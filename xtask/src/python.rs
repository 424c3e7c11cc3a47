//! Programs from `PyPI`, each in a virtual environment of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{Stop, run};
use crate::toolchain::{can_install, install, on_path};

const WHAT_TO_DO: &str = "this needs Python 3.10 or newer with its module `venv`: install the packages `python3` and \
     `python3-venv` of your system";

/// Makes the environment anew, with one package (`name==version`) and what that needs.
pub(crate) fn install_package(stop: &Stop, home: &Path, package: &str) -> Result<()> {
    if home.exists() {
        fs::remove_dir_all(home)?;
    }
    if let Some(parent) = home.parent() {
        fs::create_dir_all(parent)?;
    }
    make_environment(stop, home)?;
    let mut pip = Command::new(home.join("bin/pip"));
    pip.args([
        "install",
        "--no-input",
        "--disable-pip-version-check",
        package,
    ])
    // stdout is for what scripts read.
    .stdout(std::io::stderr());
    run(stop, &mut pip).context("PyPI is needed once")
}

fn make_environment(stop: &Stop, home: &Path) -> Result<()> {
    let python = on_path("python3").context(WHAT_TO_DO)?;
    let make = || {
        let mut venv = Command::new(&python);
        run(stop, venv.args(["-m", "venv"]).arg(home))
    };
    if make().is_ok() {
        return Ok(());
    }
    // Debian ships the module apart.
    if can_install() {
        install(stop, &["python3-venv"])?;
    }
    make().context(WHAT_TO_DO)
}
