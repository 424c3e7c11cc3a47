//! Docker's Compose, which reads the compose file; it needs no daemon for that. Built by Go where there is none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::go::go;
use crate::process::{Stop, output, run};
use crate::toolchain::on_path;

const PROGRAM: &str = "docker-compose";
const PACKAGE: &str = "github.com/docker/compose/v2/cmd";
const VERSION: &str = "v2.40.3";

/// A program of its own, or `docker`, if that has it as a plugin.
fn there(folder: &Path) -> Option<PathBuf> {
    let alone = [Some(folder.join(PROGRAM)), on_path(PROGRAM)];
    let alone = alone.into_iter().flatten();
    alone
        .map(|program| (program, ["version"].as_slice()))
        .chain(on_path("docker").map(|docker| (docker, ["compose", "version"].as_slice())))
        .find(|(program, arguments)| is_new(program, arguments))
        .map(|(program, _)| program)
}

pub(super) fn get(stop: &Stop, folder: &Path) -> Result<PathBuf> {
    if let Some(program) = there(folder) {
        return Ok(program);
    }
    build(stop, folder)?;
    let program = folder.join(PROGRAM);
    ensure!(
        is_new(&program, &["version"]),
        "{} does not run",
        program.display()
    );
    Ok(program)
}

/// Version 1 was another program, which does not know today's files: `docker-compose version 1.29.2`.
fn is_new(program: &Path, arguments: &[&str]) -> bool {
    let said = output(Command::new(program).args(arguments));
    said.is_some_and(|said| said.starts_with("Docker Compose version "))
}

/// In a module that is made for it: `go install` refuses one that leaves out versions of others. Aside and renamed at
/// the end: a run that is cut short leaves nothing half done.
fn build(stop: &Stop, folder: &Path) -> Result<()> {
    let go = go()?;
    let draft = folder.with_extension("draft");
    for old in [&draft, folder] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    fs::create_dir_all(&draft)?;
    let go = |arguments: &[&str]| {
        let mut command = Command::new(&go);
        command.args(arguments).current_dir(&draft);
        // stdout is for what scripts read.
        run(stop, command.stdout(std::io::stderr()))
    };
    go(&["mod", "init", "compose"])?;
    go(&["get", "-tool", &format!("{PACKAGE}@{VERSION}")])?;
    let says = format!("-X github.com/docker/compose/v2/internal.Version={VERSION}");
    go(&["build", "-ldflags", &says, "-o", PROGRAM, PACKAGE])?;
    Ok(fs::rename(&draft, folder)?)
}
