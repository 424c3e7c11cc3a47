//! What tests tell `cargo xtask test` of themselves: lines in files that it names. Without it they are printed only.

#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::io::Write;

/// Notes that a test could not run for lack of something on this machine: it passes, and is counted as skipped.
///
/// # Panics
/// If the file cannot be written.
pub fn skip(test: &str, reason: &str) {
    println!("skipped: {test}: {reason}");
    note("SLUICEGATE_SKIPPED", &format!("{test}: {reason}\n"));
}

/// Notes what a test measured, where `cargo xtask test` tells it at its end: what a passing test prints nobody sees.
///
/// # Panics
/// If the file cannot be written.
pub fn measured(figure: &str) {
    println!("measured: {figure}");
    note("SLUICEGATE_MEASURED", &format!("{figure}\n"));
}

/// Notes that programs under test did use a server that a whole suite runs on: its kind, and what it calls itself.
///
/// # Panics
/// If the file cannot be written.
pub fn used(kind: &str, server: &str) {
    note("SLUICEGATE_USED", &format!("{kind}\t{server}\n"));
}

/// A test on a real server: what it is called, and how it ended.
pub struct RanOn {
    server: String,
    what: String,
    passed: bool,
}

impl RanOn {
    /// It begins; unless [`RanOn::passed`] is called it has failed.
    pub fn begins(server: &str, what: &str) -> Self {
        Self {
            server: server.to_owned(),
            what: what.to_owned(),
            passed: false,
        }
    }

    /// It held.
    pub fn passed(mut self) {
        self.passed = true;
    }
}

impl Drop for RanOn {
    fn drop(&mut self) {
        let how = if self.passed { "passed" } else { "failed" };
        let (server, what) = (&self.server, &self.what);
        note("SLUICEGATE_RAN_ON", &format!("{server}\t{what}\t{how}\n"));
    }
}

/// Adds a line to the file that the variable names; in one write, so that those of several programs do not mix.
fn note(variable: &str, line: &str) {
    let Some(path) = std::env::var_os(variable) else {
        return;
    };
    let file = std::fs::File::options()
        .append(true)
        .create(true)
        .open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .expect("the notes can be written");
}
