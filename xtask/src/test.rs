use std::ffi::OsString;
use std::fs;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::cargo::{cargo, target};
use crate::process::{Stop, for_each_line};
use crate::services::{Report, Services};
use crate::tally::Tally;
use crate::ui::step;
use crate::{chromium, components, dev, postgres, suites};

/// Its tests start programs of other packages.
const BLACK_BOX: &str = "sluicegate-tests";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fail if a server cannot be had or a test on one is skipped, and run the black-box suite three times more, on others
    #[arg(long)]
    services: bool,
    /// Passed on to `cargo test`, such as `-p sluicegate-worker -- pictures`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs all tests. The last line is the sum over all test programs.
pub(crate) fn main(stop: &Stop, options: &Options) -> Result<ExitCode> {
    let postgres = postgres::ensure(stop)?;
    chromium::try_get(stop);
    let services = Services::prepare(stop)?;
    components::main(stop, false)?;
    // Cargo builds the programs of the packages it tests, so of those chosen only.
    let is_black_box = |word: &OsString| word.to_string_lossy().ends_with(BLACK_BOX);
    if options.arguments.iter().any(is_black_box) {
        dev::build_programs(stop)?;
    }
    let skips = target().join("skipped-tests.txt");
    let figures = target().join("measured.txt");
    fs::create_dir_all(target())?;
    for notes in [&skips, &figures] {
        fs::write(notes, "")?;
    }
    let report = Report::new()?;
    // Examples in docs are not run: there are none, and looking for them costs a minute.
    let mut command = cargo(["test", "--no-fail-fast", "--tests"]);
    command.args(&options.arguments);
    let prepare = |command: &mut Command| {
        command
            .env("SLUICEGATE_POSTGRES_BIN", &postgres)
            .env("SLUICEGATE_SKIPPED", &skips)
            .env("SLUICEGATE_MEASURED", &figures);
        services.name_to(command);
        report.name_to(command);
    };
    prepare(&mut command);
    let (mut tally, mut green) = run(stop, &mut command)?;
    if options.arguments.is_empty() {
        let what = "the usual run, the black-box suite in it";
        report.add("embedded Postgres and store", what, green)?;
    }
    // A choice of tests is not the suite.
    if options.services && options.arguments.is_empty() {
        green &= suites::main(stop, &report, &mut tally, prepare)?;
    }
    // What a test that passes prints is not shown: what it measured it adds to a file.
    for figure in fs::read_to_string(&figures)?.lines() {
        println!("measured: {figure}");
    }
    report.print()?;
    if options.services {
        // Whoever asks for them wants no silence where one is missing.
        for missing in services.missing() {
            println!("failed: no {missing}");
            tally.failed += 1;
        }
    }
    let skipped = fs::read_to_string(&skips)?;
    Ok(close(tally, green, &skipped, options.services))
}

fn run(stop: &Stop, command: &mut Command) -> Result<(Tally, bool)> {
    let mut tally = Tally::default();
    let status = step("Building and running all tests", || {
        for_each_line(stop, command, |line| {
            println!("{line}");
            tally.count(line);
        })
    })?;
    Ok((tally, status.success()))
}

/// Whose lack is none of a server: of a browser, or of what this user may do here.
const NOT_ON_SERVERS: [&str; 4] = [
    "browser",
    "full_disk",
    "load",
    "the platform as a plain user",
];

/// A test that cannot run for lack of something on this machine passes, and adds a line `name: reason` to the
/// file that `SLUICEGATE_SKIPPED` names. Such tests are counted as skipped here; as failed if servers were asked for
/// and it is one of those that run on them.
fn count_skipped(tally: &mut Tally, skipped: &str, services: bool) {
    for line in skipped.lines().filter(|line| !line.trim().is_empty()) {
        tally.passed = tally.passed.saturating_sub(1);
        let name = line.split_once(": ").map_or(line, |(name, _)| name);
        if services && !NOT_ON_SERVERS.contains(&name) {
            println!("failed: skipped, though servers were asked for: {line}");
            tally.failed += 1;
        } else {
            println!("skipped: {line}");
            tally.skipped += 1;
        }
    }
}

fn close(mut tally: Tally, green: bool, skipped: &str, services: bool) -> ExitCode {
    count_skipped(&mut tally, skipped, services);
    if !green && tally.failed == 0 {
        // It did not build, or a test program died before its closing line.
        tally.failed = 1;
    }
    println!("sluicegate: {tally}");
    if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_servers_wants_no_silence() {
        let skipped = "browser: no chromium\nposts: SLUICEGATE_PGBOUNCER names no PgBouncer\n\n";
        let count = |services| {
            let mut tally = Tally {
                passed: 5,
                ..Tally::default()
            };
            count_skipped(&mut tally, skipped, services);
            (tally.passed, tally.failed, tally.skipped)
        };
        assert_eq!(count(false), (3, 0, 2));
        assert_eq!(count(true), (3, 1, 1));
    }
}
