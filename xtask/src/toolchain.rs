use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::{WASM, root};
use crate::process::{Stop, output, run};
use crate::ui::step;

/// Makes sure that components can be built.
pub(crate) fn ensure_wasm(stop: &Stop) -> Result<()> {
    if has_wasm() {
        return Ok(());
    }
    step(&format!("Adding the Rust target {WASM}"), || {
        run(stop, Command::new("rustup").args(["target", "add", WASM]).current_dir(root()))
    })
    .with_context(|| {
        format!("components need Rust's standard library for {WASM}: `rustup target add {WASM}`, or the package of your system that brings it")
    })
}

fn has_wasm() -> bool {
    let mut rustc = Command::new("rustc");
    let sysroot = output(rustc.args(["--print", "sysroot"]).current_dir(root()));
    sysroot.is_some_and(|path| {
        Path::new(&path)
            .join("lib/rustlib")
            .join(WASM)
            .join("lib")
            .is_dir()
    })
}

/// Where a program is on the path.
pub(crate) fn on_path(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// Whether packages of the system can be installed.
pub(crate) fn can_install() -> bool {
    rustix::process::geteuid().is_root() && on_path("apt-get").is_some()
}

/// Installs packages of the system.
pub(crate) fn install(stop: &Stop, packages: &[&str]) -> Result<()> {
    let policy = Path::new("/usr/sbin/policy-rc.d");
    // Debian starts a service when it installs it, unless this file says no. We start our own.
    let ours = !policy.exists() && write_policy(policy).is_ok();
    let installed = apt(stop, packages);
    if ours {
        std::fs::remove_file(policy).context("cannot remove /usr/sbin/policy-rc.d again")?;
    }
    installed
}

fn write_policy(policy: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(policy, "#!/bin/sh\nexit 101\n")?;
    std::fs::set_permissions(policy, std::fs::Permissions::from_mode(0o755))
}

fn apt(stop: &Stop, packages: &[&str]) -> Result<()> {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(["-q", "-y"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        // stdout is for what scripts read.
        command.stdout(std::io::stderr());
        command
    };
    let install = [&["install", "--no-install-recommends"], packages].concat();
    if run(stop, &mut apt(&install)).is_ok() {
        return Ok(());
    }
    // A fresh machine has no package lists yet.
    run(stop, &mut apt(&["update"]))?;
    run(stop, &mut apt(&install))
}
