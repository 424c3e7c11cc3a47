//! What tests tell `cargo xtask test` of themselves: lines in files that it names.

use std::io::Write;

/// Notes that a test could not run for lack of something on this machine: it passes, and is counted as skipped.
pub(crate) fn skip(test: &str, reason: &str) {
    println!("skipped: {test}: {reason}");
    note("SLUICEGATE_SKIPPED", &format!("{test}: {reason}\n"));
}

/// Notes what ran on what, and how it ended.
pub(crate) fn ran_on(server: &str, what: &str, passed: bool) {
    let how = if passed { "passed" } else { "failed" };
    note("SLUICEGATE_RAN_ON", &format!("{server}\t{what}\t{how}\n"));
}

/// In one write, so that lines of several programs do not mix.
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
