use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{root, target};
use crate::process::{Stop, output, run};
use crate::ui::step;

/// Coverage that libFuzzer can follow, and a look at each access to memory: as cargo-fuzz builds.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg=fuzzing -Zsanitizer=address -Ccodegen-units=4";
/// The largest input that is tried, in bytes; what is committed stays below.
const INPUT_BYTES: u32 = 4_096;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Add what was found to the committed corpus, as few files as cover the same
    #[arg(long)]
    keep: bool,
    /// Only these targets
    targets: Vec<String>,
}

/// Runs the fuzz targets one after the other; what ends one of them stays in `fuzz/artifacts`.
pub(crate) fn main(stop: &Stop, options: &Options) -> Result<()> {
    let programs = build(stop)?;
    let mut failed = Vec::new();
    let mut report = Vec::new();
    for name in targets()? {
        if !options.targets.is_empty() && !options.targets.contains(&name) {
            continue;
        }
        let fuzzed = step(&format!("Fuzzing {name}"), || {
            fuzz(stop, &programs.join(&name), &name, options)
        });
        stop.check()?;
        match fuzzed {
            Ok(line) => report.push(line),
            Err(error) => {
                eprintln!("{error:#}");
                failed.push(name);
            }
        }
    }
    println!("{}", report.join("\n"));
    ensure!(failed.is_empty(), "findings in: {}", failed.join(", "));
    Ok(())
}

fn home() -> PathBuf {
    root().join("fuzz")
}

fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(home().join("fuzz_targets"))? {
        let path = entry?.path();
        names.extend(
            path.file_stem()
                .map(|stem| stem.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

/// The nightly's own cargo and flags: nothing of ours may be built by it.
fn nightly(program: &str) -> Command {
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", program])
        .current_dir(home());
    for name in ["CARGO", "CARGO_TARGET_DIR", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command
}

fn build(stop: &Stop) -> Result<PathBuf> {
    let version = output(nightly("rustc").arg("-vV")).context(
        "fuzzing needs a nightly compiler: `rustup toolchain install nightly --profile minimal`",
    )?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc names no host")?;
    let mut build = nightly("cargo");
    build.args(["build", "--release", "--bins", "--target", host]);
    step("Building the fuzz targets", || {
        run(stop, build.env("RUSTFLAGS", FLAGS))
    })?;
    Ok(home().join("target").join(host).join("release"))
}

/// One line of the report.
fn fuzz(stop: &Stop, program: &Path, name: &str, options: &Options) -> Result<String> {
    let found = target().join("fuzz").join(name);
    let artifacts = home().join("artifacts").join(name);
    let corpus = home().join("corpus").join(name);
    for folder in [&found, &artifacts, &corpus] {
        fs::create_dir_all(folder)?;
    }
    let log = found.with_extension("log");
    let mut command = Command::new(program);
    command
        .arg(format!("-max_total_time={}", options.seconds))
        .arg(format!("-max_len={INPUT_BYTES}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-print_final_stats=1", "-timeout=5"])
        .args([&found, &corpus])
        .stderr(File::create(&log)?);
    if run(stop, &mut command).is_err() {
        stop.check()?;
        bail!("{name}: see {} and {}", log.display(), artifacts.display());
    }
    if options.keep {
        let mut merge = Command::new(program);
        merge
            .args(["-merge=1", &format!("-max_len={INPUT_BYTES}")])
            .args([&corpus, &found])
            .stderr(File::create(found.with_extension("merge.log"))?);
        run(stop, &mut merge)?;
    }
    let statistics = fs::read_to_string(&log)?;
    let number = |name: &str| {
        let mut lines = statistics.lines().rev();
        lines
            .find_map(|line| line.strip_prefix(name))
            .map_or("?", str::trim)
    };
    Ok(format!(
        "{name}: {} s, {} executions, {} a second",
        options.seconds,
        number("stat::number_of_executed_units:"),
        number("stat::average_exec_per_sec:"),
    ))
}
