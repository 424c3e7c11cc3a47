use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::cargo::{members, root};

/// A file that is longer holds more than one thing.
const FILE_LINES: usize = 500;
/// `main.rs` holds no logic.
const MAIN_LINES: usize = 130;
/// Whose next release may speak another protocol, or another version of an interface, than what was tested: never taken unseen.
const PINNED: [&str; 4] = ["bullmq-official", "s3s", "spin-sdk", "wasmtime"];

/// What no other linter looks at.
pub(crate) fn check() -> Result<()> {
    let mut wrong = Vec::new();
    let members = members()?;
    for file in sources(root())? {
        let text = fs::read_to_string(&file)?;
        let name = file
            .strip_prefix(root())
            .unwrap_or(&file)
            .display()
            .to_string();
        wrong.extend(check_source(&name, &text));
    }
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap_or_default();
    wrong.extend(check_map(&map, &members));
    wrong.extend(check_pins(&fs::read_to_string(root().join("Cargo.toml"))?));
    for member in members
        .iter()
        .filter(|member| member.starts_with("origin/backends/"))
    {
        if !sources(&root().join(member))?
            .iter()
            .any(|file| calls_conformance(file))
        {
            wrong.push(format!(
                "{member}: an adapter that no suite of origin/conformance tests"
            ));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        bail!("{}", wrong.join("\n"))
    }
}

fn check_source(name: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES {
        wrong.push(format!("{name}: {lines} lines, more than {FILE_LINES}"));
    }
    if name.ends_with("/main.rs") && !name.contains("/tests/") && lines > MAIN_LINES {
        wrong.push(format!(
            "{name}: {lines} lines, more than {MAIN_LINES}; it holds no logic"
        ));
    }
    if name.ends_with("src/lib.rs") && !text.starts_with("//!") {
        wrong.push(format!(
            "{name}: must open with `//!`: its job, what is not its job, where to start"
        ));
    }
    for attribute in [concat!("#[", "allow("), concat!("#![", "allow(")] {
        if text.contains(attribute) {
            wrong.push(format!(
                "{name}: `{attribute}…)]`: use `expect` with a reason"
            ));
        }
    }
    wrong
}

/// Each member stands in the map of ARCHITECTURE.md as its folder.
fn check_map(map: &str, members: &[String]) -> Vec<String> {
    // What lies within another member is a part of that.
    let is_part = |member: &str| {
        members
            .iter()
            .any(|of| member.starts_with(&format!("{of}/")))
    };
    let missing = members
        .iter()
        .filter(|member| !is_part(member) && !map.contains(&format!("`{member}/`")));
    missing
        .map(|member| format!("ARCHITECTURE.md: `{member}` is not in the map"))
        .collect()
}

fn check_pins(manifest: &str) -> Vec<String> {
    let version = |name: &str| {
        let mut lines = manifest.lines();
        lines.find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='))
    };
    let pinned = |of: &str| {
        let of = of.trim_start();
        of.starts_with("\"=") || of.contains("version = \"=")
    };
    let loose = PINNED
        .into_iter()
        .filter(|name| !version(name).is_some_and(pinned));
    loose
        .map(|name| format!("Cargo.toml: `{name}` must be pinned: `\"=x.y.z\"`"))
        .collect()
}

fn calls_conformance(file: &Path) -> bool {
    fs::read_to_string(file).is_ok_and(|text| calls_suite(&text))
}

/// Whether a test has a suite run: it calls a function `run` or `all` (or a macro of such a name) that comes from
/// origin/conformance. To use one of its helpers proves nothing.
fn calls_suite(text: &str) -> bool {
    const SUITES: [&str; 2] = ["run", "all"];
    const CRATE: &str = "sluicegate_conformance::";
    let imports: Vec<&str> = text
        .split("use ")
        .filter_map(|rest| rest.strip_prefix(CRATE))
        .filter_map(|rest| rest.split(';').next())
        .collect();
    let is_imported = |name: &str| {
        imports.iter().any(|import| {
            let mut words = import.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.any(|word| word == name)
        })
    };
    let is_suite = |before: &str, name: &str| {
        if let Some(path) = before.strip_suffix("::") {
            // By its module, which is imported, or named in full.
            let mut words = path.rsplit(|c: char| !c.is_alphanumeric() && c != '_');
            let module = words.next().unwrap_or_default();
            path.ends_with(&format!("{CRATE}{module}")) || is_imported(module)
        } else {
            let begins = before.ends_with(|c: char| c.is_whitespace() || c == '(');
            begins && !before.ends_with("fn ") && is_imported(name)
        }
    };
    SUITES.iter().any(|name| {
        text.match_indices(name).any(|(at, _)| {
            let (before, rest) = text.split_at(at);
            let called = rest.strip_prefix(name).unwrap_or_default();
            (called.starts_with('(') || called.starts_with("!(")) && is_suite(before, name)
        })
    })
}

/// All Rust files below a folder, sorted; build output and hidden folders left out.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            let hidden = name.to_string_lossy().starts_with('.');
            if entry.file_type()?.is_dir() {
                if !hidden && name != "target" && name != "node_modules" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_offender() {
        let long = "//! x\n".repeat(FILE_LINES + 1);
        assert_eq!(check_source("a/src/x.rs", &long).len(), 1);
        assert_eq!(
            check_source("a/src/main.rs", &"\n".repeat(MAIN_LINES + 1)).len(),
            1
        );
        assert_eq!(check_source("a/src/lib.rs", "mod x;\n").len(), 1);
        assert_eq!(
            check_source("a/src/x.rs", concat!("#[", "allow(dead_code)]\n")).len(),
            1
        );
        assert!(check_source("a/src/lib.rs", "//! Job.\n").is_empty());
    }

    #[test]
    fn what_must_be_pinned_is() {
        let table = "version = \"=7.0.0\", default-features = false";
        let all = format!(
            "bullmq-official = \"=1.4.4\"\ns3s = \"=0.14.1\"\nspin-sdk = {{ {table} }}\nwasmtime = {{ {table} }}\n"
        );
        assert!(check_pins(&all).is_empty());
        assert_eq!(check_pins(&all.replace("=1.4.4", "1.4.4")).len(), 1);
        assert_eq!(check_pins(&all.replace("=7.0.0", "7.0.0")).len(), 2);
        assert_eq!(
            check_pins("wasmtime-wasi = \"=48.0.8\"").len(),
            PINNED.len()
        );
    }

    #[test]
    fn members_must_be_in_the_map() {
        let members = ["contract".to_owned(), "origin/core".to_owned()];
        assert_eq!(check_map("| `origin/core/` | rules |", &members).len(), 1);
    }

    #[test]
    fn only_a_suite_that_runs_is_one() {
        for text in [
            "use sluicegate_conformance::{accounts, jobs};\nfn f() { jobs::run(&jobs).await }",
            "use sluicegate_conformance::cache::{Caches, run};\nfn f() {\n    run(&caches).await }",
            "use sluicegate_conformance::purge::all;\nfn f() { all(make).await }",
            "sluicegate_conformance::cache::run(&x).await",
        ] {
            assert!(calls_suite(text), "{text}");
        }
        for text in [
            "use sluicegate_conformance::notes::skip;\nfn f() { skip(name, why); run(&x) }",
            "use sluicegate_conformance::notes::RanOn;\nfn run() { origin::run(&x) }",
            "use sluicegate_conformance::jobs;\nfn run() { jobs::helper(); x.enable_all() }",
            "jobs::run(&jobs)",
        ] {
            assert!(!calls_suite(text), "{text}");
        }
    }
}
