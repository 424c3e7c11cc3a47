//! `PgBouncer` from the source package of Debian 13: Debian 12 has one that mixes up prepared statements, and the
//! binary of Debian 13 needs a newer C library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{Stop, output, run};
use crate::toolchain::{can_install, install, on_path};

/// Where the source comes from where `apt` names no mirror of Debian.
const MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const SUITE: &str = "trixie";
/// What tests run on. (From 1.21 on it keeps the prepared statements of its clients apart.)
const OLDEST: (u32, u32) = (1, 24);

pub(super) fn get(stop: &Stop, folder: &Path) -> Result<PathBuf> {
    let program = folder.join("pgbouncer");
    let there = [Some(program.clone()), on_path("pgbouncer")];
    if let Some(found) = there.into_iter().flatten().find(|found| fits(found)) {
        return Ok(found);
    }
    build_where_possible(stop, folder, &program)?;
    Ok(program)
}

fn build_where_possible(stop: &Stop, folder: &Path, program: &Path) -> Result<()> {
    ensure!(
        can_install() && Path::new(KEYRING).exists(),
        "there is none from {}.{} on the path, and only root on Debian can build one",
        OLDEST.0,
        OLDEST.1
    );
    build(stop, folder)?;
    ensure!(fits(program), "{} does not run", program.display());
    Ok(())
}

/// Whether it runs and is not older: `PgBouncer 1.24.1`.
fn fits(program: &Path) -> bool {
    let said = output(Command::new(program).arg("--version")).unwrap_or_default();
    version(&said).is_some_and(|version| version >= OLDEST)
}

fn version(said: &str) -> Option<(u32, u32)> {
    let rest = said.lines().next()?.strip_prefix("PgBouncer ")?;
    let mut numbers = rest.split('.').map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Aside and renamed at the end: a run that is cut short leaves nothing half done.
fn build(stop: &Stop, folder: &Path) -> Result<()> {
    let draft = folder.with_extension("draft");
    if draft.exists() {
        fs::remove_dir_all(&draft)?;
    }
    fs::create_dir_all(&draft)?;
    fetch(stop, &draft)?;
    install(
        stop,
        &["gcc", "make", "pkg-config", "libevent-dev", "libssl-dev"],
    )?;
    let source = draft.join("apt/source");
    let mut configure = Command::new("./configure");
    let without = ["--without-cares", "--without-systemd", "--without-pam"];
    run(stop, quiet(configure.args(without), &source))?;
    let mut make = Command::new("make");
    run(stop, quiet(make.args(["-j2", "pgbouncer"]), &source))?;
    fs::rename(source.join("pgbouncer"), draft.join("pgbouncer"))?;
    fs::remove_dir_all(draft.join("apt"))?;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::rename(&draft, folder)?)
}

/// stdout is for what scripts read.
fn quiet<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command.current_dir(folder).stdout(std::io::stderr())
}

/// By `apt` with lists of its own, so that nothing changes for the system; it checks the archive's signature.
fn fetch(stop: &Stop, draft: &Path) -> Result<()> {
    install(stop, &["dpkg-dev"])?;
    let apt = draft.join("apt");
    for folder in ["lists/partial", "cache/archives/partial", "parts"] {
        fs::create_dir_all(apt.join(folder))?;
    }
    let list = apt.join("sources.list");
    let mirror = mirror();
    let line = format!("deb-src [signed-by={KEYRING}] {mirror} {SUITE} main\n");
    fs::write(&list, line)?;
    let places = [
        ("Etc::sourcelist", list.clone()),
        ("Etc::sourceparts", apt.join("parts")),
        ("State::lists", apt.join("lists")),
        ("Cache", apt.join("cache")),
    ];
    let places: Vec<String> = places
        .iter()
        .flat_map(|(name, path)| ["-o".to_owned(), format!("Dir::{name}={}", path.display())])
        .collect();
    let get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(&places).arg("-q").args(arguments);
        run(stop, quiet(&mut command, &apt))
    };
    get(&["update"])?;
    get(&["source", "--download-only", "pgbouncer"])?;
    let dsc = fs::read_dir(&apt)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|end| end == "dsc"))
        .context("apt-get brought no source package")?;
    let mut unpack = Command::new("dpkg-source");
    // Its maker's key is not here; apt has compared its checksum with the signed list's.
    unpack.args(["--no-check", "-x"]).arg(dsc).arg("source");
    run(stop, quiet(&mut unpack, &apt))
}

/// The mirror that this machine uses.
fn mirror() -> String {
    let sources = ["sources.list.d/debian.sources", "sources.list"];
    let texts = sources.map(|name| fs::read_to_string(Path::new("/etc/apt").join(name)));
    let texts: Vec<String> = texts.into_iter().flatten().collect();
    mirror_in(&texts.join("\n")).unwrap_or_else(|| MIRROR.to_owned())
}

fn mirror_in(sources: &str) -> Option<String> {
    let lines = sources.lines().filter(|line| {
        let line = line.trim_start();
        line.starts_with("URIs:") || line.starts_with("deb ")
    });
    let urls = lines.flat_map(str::split_whitespace);
    urls.map(|url| url.trim_end_matches('/'))
        .find(|url| url.starts_with("http") && url.ends_with("/debian"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_ones_do_not_fit() {
        assert_eq!(version("PgBouncer 1.24.1\nlibevent 2.1"), Some((1, 24)));
        assert!(version("PgBouncer 1.21.0") < Some(OLDEST));
        assert!(version("PgBouncer 1.25.0") >= Some(OLDEST));
        assert_eq!(version("something else"), None);
    }

    #[test]
    fn the_mirror_is_the_one_in_use() {
        let new = "Types: deb\nURIs: https://mirror.example/debian/\nSuites: bookworm\n\n\
                   URIs: http://deb.debian.org/debian-security\n";
        assert_eq!(mirror_in(new).unwrap(), "https://mirror.example/debian");
        let old = "# deb http://no.example/debian x main\ndeb [arch=amd64] http://a.example/debian bookworm main";
        assert_eq!(mirror_in(old).unwrap(), "http://a.example/debian");
        assert_eq!(mirror_in("deb http://a.example/ubuntu jammy main"), None);
    }
}
