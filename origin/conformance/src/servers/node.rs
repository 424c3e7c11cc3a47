#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

/// Time for Node to start on a loaded machine.
const ANSWER: Duration = Duration::from_mins(1);

/// A program of Node with the real packages, and their lock file.
const FROM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../backends/bullmq/tests/node");

/// Puts `peer.mjs` and its packages (`BullMQ`, bull-board), as the lock file has them, into a folder; packages that are there
/// already are used. What it can be asked for is at the head of that file.
///
/// # Errors
/// In a sentence, if the packages cannot be had.
///
/// # Panics
/// If the folder cannot be written.
pub fn node_peer(folder: &Path) -> Result<(), String> {
    let from = Path::new(FROM);
    std::fs::create_dir_all(folder).expect("a folder");
    let lock = std::fs::read(from.join("package-lock.json")).expect("the lock file");
    for file in ["package.json", "package-lock.json", "peer.mjs"] {
        std::fs::copy(from.join(file), folder.join(file)).expect("a copy");
    }
    // Written last: what it says is there is whole.
    let done = folder.join("installed.json");
    if std::fs::read(&done).ok().as_ref() == Some(&lock) {
        return Ok(());
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output()
        .map_err(|error| format!("no npm: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default();
        return Err(format!("npm cannot install the packages: {last}"));
    }
    std::fs::write(&done, &lock).expect("a note");
    Ok(())
}

/// As the package that [`node_peer`] installed calls itself: `Node, bullmq 6.7.0`.
///
/// # Panics
/// If it is not installed.
pub fn node_package(folder: &Path, name: &str) -> String {
    let file = folder.join("node_modules").join(name).join("package.json");
    let package = std::fs::read(file).expect("an installed package");
    let package: Value = serde_json::from_slice(&package).expect("JSON");
    let version = package.get("version").and_then(Value::as_str);
    let version = version.expect("its version");
    format!("Node, {name} {version}")
}

/// `peer.mjs`, running; killed when it is dropped.
pub struct NodePeer {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl NodePeer {
    /// Starts it in the folder where [`node_peer`] put it.
    ///
    /// # Panics
    /// If there is no Node.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        let node = std::env::var_os("SLUICEGATE_NODE").unwrap_or_else(|| "node".into());
        let mut child = tokio::process::Command::new(node)
            .arg("peer.mjs")
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let output = child.stdout.take().expect("its output");
        Self {
            _child: child,
            lines: BufReader::new(output).lines(),
        }
    }

    /// What it says next.
    ///
    /// # Panics
    /// If it says nothing within a minute, or no JSON.
    pub async fn says(&mut self) -> Value {
        let line = timeout(ANSWER, self.lines.next_line()).await;
        let line = line.expect("in time").expect("readable").expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }
}
