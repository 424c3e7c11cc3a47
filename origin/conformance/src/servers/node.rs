#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::path::Path;
use std::process::Command;

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
