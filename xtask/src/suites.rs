//! The black-box suite once more for each kind of server that platforms can stand on beside their own: each kind is in one
//! of a few runs.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo::{cargo, root, target};
use crate::process::{Stop, for_each_line, output};
use crate::services::Report;
use crate::tally::Tally;
use crate::ui::step;

/// Names kinds to the programs; read by `tests/src/backing.rs`, which knows these.
const VARIABLE: &str = "SLUICEGATE_SUITE_ON";
/// A file that says which of them the programs did use: kind, tab, what that server calls itself.
const USED: &str = "SLUICEGATE_USED";

/// A run of the suite.
struct Run {
    kinds: &'static [&'static str],
    leaves_out: &'static [&'static [LeftOut]],
}

/// Tests by the beginning of their names, and why they are not run.
type LeftOut = (&'static str, &'static str);

/// In all runs: each has a Redis.
const IN_ALL: [LeftOut; 6] = [
    (
        "worker_killed::while_",
        "Redis gives a lost worker's jobs back after half a minute, so that they take a quarter of an hour; one of them is in \
         the usual run, on a Redis of its own",
    ),
    ("stack::", "its servers are its own"),
    ("floods::", "the usual run has both queues"),
    (
        "redis_emptied::",
        "its Redis is its own, and it takes minutes",
    ),
    ("load::", "an edge alone, before stand-ins"),
    ("contract::", "an edge alone, before stand-ins"),
];
const KEYS: LeftOut = (
    "rotation::",
    "drills of keys are for an embedded database that no setting names",
);
const PLAIN_USER: LeftOut = (
    "plain_user::",
    "the pooler is another user than the plain one, whose database it cannot reach",
);
const OF_PRIMARY: [LeftOut; 2] = [
    (
        "relay_killed::",
        "what it holds back is said to the embedded database",
    ),
    (
        "limits::what_one_origin_changes",
        "before replicas nothing is kept for seconds after a change, and each of its posts is a moment old",
    ),
];
const OF_EMBEDDED_STORE: [LeftOut; 3] = [
    ("full_disk::", "the disk is the embedded store's"),
    (
        "direct::pages_of_named_sites",
        "MinIO is told otherwise which sites may send to it",
    ),
    (
        "direct::without_a_public_store",
        "MinIO lets pages of any site ask",
    ),
];

const RUNS: [Run; 3] = [
    Run {
        kinds: &["redis", "minio"],
        leaves_out: &[&IN_ALL, &OF_EMBEDDED_STORE],
    },
    Run {
        kinds: &["pgbouncer", "redis-tls", "minio-distributed"],
        leaves_out: &[&IN_ALL, &OF_EMBEDDED_STORE, &[KEYS, PLAIN_USER]],
    },
    Run {
        kinds: &["replica", "redis-cluster"],
        leaves_out: &[&IN_ALL, &OF_PRIMARY, &[KEYS]],
    },
];

/// After the usual run, whose programs are used. `prepare` gives them the same environment. Fails also where a kind was not
/// used by anything.
pub(crate) fn main(
    stop: &Stop,
    report: &Report,
    tally: &mut Tally,
    prepare: impl Fn(&mut Command),
) -> Result<bool> {
    let program = program()?;
    let notes = target().join("used.txt");
    let mut green = true;
    for Run { kinds, leaves_out } in RUNS {
        let leaves_out = leaves_out.concat();
        std::fs::write(&notes, "")?;
        let mut command = Command::new(&program);
        prepare(&mut command);
        command
            .args(leaves_out.iter().flat_map(|(name, _)| ["--skip", name]))
            .current_dir(root().join("tests"))
            .env(VARIABLE, kinds.join(","))
            .env(USED, &notes);
        let together = kinds.join(" + ");
        let status = step(
            &format!("Running the black-box suite on {together}"),
            || {
                for_each_line(stop, &mut command, |line| {
                    println!("{line}");
                    tally.count(line);
                })
            },
        )?;
        let used = std::fs::read_to_string(&notes)?;
        let used: Vec<_> = used.lines().filter_map(|it| it.split_once('\t')).collect();
        for kind in kinds {
            let servers: Vec<&str> = used
                .iter()
                .filter(|(used, _)| used == kind)
                .map(|(_, server)| *server)
                .collect();
            let passed = status.success() && !servers.is_empty();
            let what = what(&together, servers.len(), &leaves_out);
            report.add(servers.first().unwrap_or(kind), &what, passed)?;
            if servers.is_empty() {
                println!("failed: no program used {kind} in the suite on {together}");
            }
            green &= passed;
        }
    }
    for Run { kinds, leaves_out } in RUNS {
        for (name, reason) in leaves_out.concat() {
            println!("left out on {}: {name}: {reason}", kinds.join(" + "));
        }
    }
    Ok(green)
}

/// For the table of what ran on what.
fn what(together: &str, platforms: usize, leaves_out: &[LeftOut]) -> String {
    let names: Vec<&str> = leaves_out.iter().map(|(name, _)| *name).collect();
    format!(
        "the black-box suite on {together} ({platforms} of its platforms stood on this), but {}",
        names.join(", ")
    )
}

/// The test program, as `cargo` names it: nothing is built, unless somebody changed something meanwhile.
fn program() -> Result<PathBuf> {
    let mut built = cargo(["test", "--tests", "--no-run", "--message-format=json"]);
    let messages = output(&mut built).context("cargo does not name its programs")?;
    named(
        &messages,
        &root().join("tests/Cargo.toml").to_string_lossy(),
    )
    .context("the black-box tests are not built")
}

fn named(messages: &str, manifest: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
        let is_it = text("/target/name") == Some("it") && text("/manifest_path") == Some(manifest);
        is_it.then(|| text("/executable").map(PathBuf::from))?
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_program_is_found_among_all_messages() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/a/api/Cargo.toml","target":{"name":"it"},"executable":"/t/it-1"}
{"reason":"compiler-artifact","manifest_path":"/a/tests/Cargo.toml","target":{"name":"chaos"},"executable":"/t/chaos"}
{"reason":"compiler-artifact","manifest_path":"/a/tests/Cargo.toml","target":{"name":"it"},"executable":"/t/it-2"}
no JSON"#;
        let found = |manifest| named(messages, manifest);
        assert_eq!(
            found("/a/tests/Cargo.toml").as_deref(),
            Some(Path::new("/t/it-2"))
        );
        assert_eq!(found("/a/bench/Cargo.toml"), None);
    }
}
