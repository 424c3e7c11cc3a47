use std::ffi::OsString;
use std::fs;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::cargo::{cargo, target};
use crate::process::{Stop, for_each_line};
use crate::services::{Report, Services};
use crate::tally::Tally;
use crate::ui::step;
use crate::{chromium, components, postgres};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Get also the servers that take longer, and fail if one of them cannot be had
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
    let services = Services::prepare(stop, options.services)?;
    components::main(stop, false)?;
    let skips = target().join("skipped-tests.txt");
    let figures = target().join("measured.txt");
    fs::create_dir_all(target())?;
    for notes in [&skips, &figures] {
        fs::write(notes, "")?;
    }
    let report = Report::new()?;
    // Examples in docs are not run: there are none, and looking for them costs a minute.
    let mut command = cargo(["test", "--no-fail-fast", "--tests"]);
    command
        .args(&options.arguments)
        .env("SLUICEGATE_POSTGRES_BIN", postgres)
        .env("SLUICEGATE_SKIPPED", &skips)
        .env("SLUICEGATE_MEASURED", &figures);
    services.name_to(&mut command);
    report.name_to(&mut command);
    let (mut tally, green) = run(stop, &mut command)?;
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
    Ok(close(tally, green, &skipped))
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

/// A test that cannot run for lack of something on this machine passes, and adds a line `name: reason` to the
/// file that `SLUICEGATE_SKIPPED` names. Such tests are counted as skipped here.
fn close(mut tally: Tally, green: bool, skipped: &str) -> ExitCode {
    for line in skipped.lines().filter(|line| !line.trim().is_empty()) {
        println!("skipped: {line}");
        tally.passed = tally.passed.saturating_sub(1);
        tally.skipped += 1;
    }
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
