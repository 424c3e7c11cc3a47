//! The black-box suite once more for each kind of server that platforms can stand on beside their own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo::{cargo, root};
use crate::process::{Stop, for_each_line, output};
use crate::services::Report;
use crate::tally::Tally;
use crate::ui::step;

/// Read by `tests/src/backing.rs`, which knows these.
const VARIABLE: &str = "SLUICEGATE_SUITE_ON";
/// On Redis a job of a lost worker is found after half a minute, so that those stages take a quarter of an hour; one of them is
/// in the usual run, on a Redis of its own. The pooler is another user than the plain one, whose database it cannot reach, and
/// drills of keys are for an embedded database that no setting names.
const ON: [(&str, &str, &[&str]); 2] = [
    ("redis", "Redis", &["--skip", "worker_killed::while_"]),
    (
        "pgbouncer",
        "PgBouncer",
        &["--skip", "plain_user::", "--skip", "rotation::"],
    ),
];

/// After the usual run, whose programs are used. `prepare` gives them the same environment.
pub(crate) fn main(
    stop: &Stop,
    report: &Report,
    tally: &mut Tally,
    prepare: impl Fn(&mut Command),
) -> Result<bool> {
    let program = program()?;
    let mut green = true;
    for (name, server, arguments) in ON {
        let mut command = Command::new(&program);
        prepare(&mut command);
        command
            .args(arguments)
            .current_dir(root().join("tests"))
            .env(VARIABLE, name);
        let status = step(&format!("Running the black-box suite on {server}"), || {
            for_each_line(stop, &mut command, |line| {
                println!("{line}");
                tally.count(line);
            })
        })?;
        report.add(server, "the whole black-box suite", status.success())?;
        green &= status.success();
    }
    Ok(green)
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
