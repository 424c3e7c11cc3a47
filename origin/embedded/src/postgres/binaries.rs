use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::PostgresError;

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct BinarySearch {
    /// Looked at alone if set (`SLUICEGATE_POSTGRES_BIN`).
    pub chosen: Option<PathBuf>,
}

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
/// newest in the usual places.
pub fn find_binaries(search: &BinarySearch) -> Result<PathBuf, PostgresError> {
    if let Some(chosen) = &search.chosen {
        return if is_complete(chosen) {
            Ok(chosen.clone())
        } else {
            Err(PostgresError::NotThere(chosen.clone()))
        };
    }
    from_pg_config()
        .into_iter()
        .chain(
            NUMBERED
                .iter()
                .flat_map(|(parent, prefix, rest)| numbered(parent, prefix, rest)),
        )
        .chain(PLAIN.iter().map(PathBuf::from))
        .find(|folder| is_complete(folder))
        .ok_or(PostgresError::NotInstalled)
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
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}
