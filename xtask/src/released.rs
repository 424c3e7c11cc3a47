//! The queries of the last release: programs of it still run when the next one migrates the database.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::cargo::root;
use crate::process::output;

const ADAPTER: &str = "origin/backends/postgres";
/// Read by the adapter's tests, `released.rs` and `expanding.rs`.
const FILE: &str = "origin/backends/postgres/released/queries.json";

/// Writes the queries of the newest tag, or of the last commit where there is none.
pub(crate) fn main() -> Result<()> {
    let tag = newest_tag();
    let text = queries_of(tag.as_deref())?;
    fs::write(root().join(FILE), text)?;
    println!(
        "{FILE} has what {} asks",
        tag.as_deref().unwrap_or("the last commit (no tag yet)")
    );
    Ok(())
}

/// Whether the file is of the newest tag. Before the first there is nothing to compare it with; a clone without tags cannot
/// be asked.
pub(crate) fn check() -> Result<()> {
    let written = fs::read_to_string(root().join(FILE))?;
    let Some(tag) = newest_tag() else {
        let of = serde_json::from_str::<Value>(&written)?;
        let of = of.get("release").and_then(Value::as_str);
        ensure!(
            of.is_none(),
            "{FILE} is of {}, which this clone does not have: `git fetch --tags`",
            of.unwrap_or_default()
        );
        return Ok(());
    };
    ensure!(
        written == queries_of(Some(&tag))?,
        "{FILE} is not of {tag}, the newest release: run `cargo xtask release-queries`"
    );
    Ok(())
}

fn git(arguments: &[&str]) -> Option<String> {
    output(Command::new("git").args(arguments).current_dir(root()))
}

/// Of those that this commit comes after: `v1.2.3`.
fn newest_tag() -> Option<String> {
    git(&["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"])
}

fn queries_of(tag: Option<&str>) -> Result<String> {
    let commit = tag.unwrap_or("HEAD");
    let files = |folder: &str| {
        let folder = format!("{ADAPTER}/{folder}/");
        git(&["ls-tree", "--name-only", commit, &folder])
            .with_context(|| format!("no {folder} in {commit}"))
    };
    let mut queries = Vec::new();
    for file in files(".sqlx")?.lines() {
        let text =
            git(&["show", &format!("{commit}:{file}")]).with_context(|| format!("no {file}"))?;
        let described: Value = serde_json::from_str(&text)?;
        let query = described.get("query").and_then(Value::as_str);
        queries.push(
            query
                .with_context(|| format!("no query in {file}"))?
                .to_owned(),
        );
    }
    queries.sort();
    let migrations = files("migrations")?;
    let schema = migrations
        .lines()
        .filter_map(version)
        .max()
        .context("no migrations")?;
    let released = json!({"release": tag, "schema": schema, "queries": queries});
    Ok(format!("{}\n", serde_json::to_string_pretty(&released)?))
}

/// `…/20261128170000_stored_answers.sql`.
fn version(file: &str) -> Option<i64> {
    let (_, name) = file.rsplit_once('/')?;
    name.split_once('_')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_have_versions() {
        assert_eq!(
            version("a/migrations/20261128170000_stored_answers.sql"),
            Some(20_261_128_170_000)
        );
        assert_eq!(version("a/migrations/README.md"), None);
    }
}
