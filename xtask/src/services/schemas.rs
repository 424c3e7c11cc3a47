//! The schemas of Kubernetes, which a package on `PyPI` carries. What is had is a Python that has it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::process::{Stop, output};
use crate::python::install_package;

const PACKAGE: &str = "kubernetes-validate==1.37.0";

pub(super) fn get(stop: &Stop, folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    if !fits(&python) {
        install_package(stop, folder, PACKAGE)?;
        ensure!(fits(&python), "{} has no {PACKAGE}", python.display());
    }
    Ok(python)
}

fn fits(python: &Path) -> bool {
    let script = "import kubernetes_validate, yaml";
    output(Command::new(python).args(["-c", script])).is_some()
}
