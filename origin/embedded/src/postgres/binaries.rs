use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::PostgresError;

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct BinarySearch {
    /// Looked at alone if set (`SLUICEGATE_POSTGRES_BIN`).
    pub chosen: Option<PathBuf>,
    /// Data directories, in which `postgres-<version>/native/bin` is looked for at last: there
    /// `cargo xtask` unpacks a Postgres on machines that have none.
    pub data: Vec<PathBuf>,
}

/// The oldest version that knows everything that our schema asks for.
const OLDEST: u32 = 14;

/// Folders whose numbered children hold one version each: `<parent>/<prefix><number><rest>`.
const NUMBERED: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/Library/PostgreSQL", "", "bin"),
];
const PLAIN: [&str; 4] = [
    "/usr/local/pgsql/bin",
    "/usr/local/bin",
    "/usr/bin",
    "/opt/homebrew/bin",
];

/// The folder that holds `initdb` and `postgres`: the chosen one, the one that `pg_config` names, or the
/// newest in the usual places, else one that was unpacked for us. One that is too old is passed over.
pub fn find_binaries(search: &BinarySearch) -> Result<PathBuf, PostgresError> {
    if let Some(chosen) = &search.chosen {
        if !is_complete(chosen) {
            return Err(PostgresError::NotThere(chosen.clone()));
        }
        return new_enough(chosen.clone());
    }
    let folders = from_pg_config()
        .into_iter()
        .chain(
            NUMBERED
                .iter()
                .flat_map(|(parent, prefix, rest)| numbered(parent, prefix, rest)),
        )
        .chain(PLAIN.iter().map(PathBuf::from))
        .chain(search.data.iter().flat_map(|data| unpacked(data)))
        .filter(|folder| is_complete(folder));
    let mut refused = PostgresError::NotInstalled;
    for folder in folders {
        match new_enough(folder) {
            Ok(folder) => return Ok(folder),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// A program that does not tell its version is left to show itself what it can do.
fn new_enough(folder: PathBuf) -> Result<PathBuf, PostgresError> {
    let program = folder.join("postgres");
    let output = Command::new(&program)
        .arg("--version")
        .output()
        .map_err(|source| PostgresError::Run { program, source })?;
    match version(&String::from_utf8_lossy(&output.stdout)) {
        Some(version) if version < OLDEST => Err(PostgresError::TooOld {
            folder,
            version,
            oldest: OLDEST,
        }),
        _ => Ok(folder),
    }
}

/// The first number of `postgres (PostgreSQL) 15.14 (Debian …)`.
fn version(said: &str) -> Option<u32> {
    let rest = said.split_once("(PostgreSQL) ")?.1;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// What `cargo xtask` has unpacked, newest first.
fn unpacked(data: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(data)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let (version, _) = name.to_str()?.strip_prefix("postgres-")?.split_once('.')?;
            Some((version.parse().ok()?, data.join(&name).join("native/bin")))
        })
        .collect();
    newest_first(&mut found)
}

fn is_complete(folder: &Path) -> bool {
    folder.join("initdb").is_file() && folder.join("postgres").is_file()
}

fn from_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| PathBuf::from(folder.trim()))
}

/// The children of `parent` that are a version, newest first.
fn numbered(parent: &str, prefix: &str, rest: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, Path::new(parent).join(&name).join(rest)))
        })
        .collect();
    newest_first(&mut found)
}

fn newest_first(found: &mut [(u32, PathBuf)]) -> Vec<PathBuf> {
    found.sort_by(|a, b| b.cmp(a));
    found.iter().map(|(_, folder)| folder.clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn programs(folder: &Path, says: &str) {
        fs::create_dir_all(folder).unwrap();
        for name in ["initdb", "postgres"] {
            let file = folder.join(name);
            fs::write(&file, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn reads_versions() {
        assert_eq!(
            version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(version("something else"), None);
    }

    #[test]
    fn one_that_is_too_old_is_refused_by_name() {
        let place = tempfile::tempdir().unwrap();
        programs(place.path(), "postgres (PostgreSQL) 13.9");
        let search = |folder: &Path| {
            find_binaries(&BinarySearch {
                chosen: Some(folder.to_owned()),
                ..BinarySearch::default()
            })
        };
        let refused = search(place.path()).unwrap_err().to_string();
        assert!(
            refused.contains("Postgres 13") && refused.contains(place.path().to_str().unwrap()),
            "{refused}"
        );
        let new = place.path().join("new");
        programs(&new, "postgres (PostgreSQL) 14.0");
        assert_eq!(search(&new).unwrap(), new);
    }

    #[test]
    fn unpacked_ones_are_found_newest_first() {
        let data = tempfile::tempdir().unwrap();
        for name in [
            "postgres-9.6",
            "postgres-18.4.0-beta.17",
            "postgres",
            "postgres-x.1",
        ] {
            fs::create_dir(data.path().join(name)).unwrap();
        }
        assert_eq!(
            unpacked(data.path()),
            [
                data.path().join("postgres-18.4.0-beta.17/native/bin"),
                data.path().join("postgres-9.6/native/bin")
            ]
        );
    }
}
