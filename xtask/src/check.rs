use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::cargo::{WASM, cargo, target};
use crate::components::COMPONENTS;
use crate::process::{Stop, run};
use crate::toolchain::{self, on_path};
use crate::ui::step;
use crate::{components, released, structure};

const DENY_VERSION: &str = "0.20.2";

type Lint = (&'static str, fn(&Stop) -> Result<()>);

/// The cheap ones first. All run, whatever the others say.
const LINTS: [Lint; 7] = [
    ("format", |stop| {
        run(stop, &mut cargo(["fmt", "--all", "--check"]))
    }),
    ("structure", |_| structure::check()),
    ("released", |_| released::check()),
    ("components", |stop| components::main(stop, false)),
    ("clippy", clippy),
    ("docs", docs),
    ("dependencies", dependencies),
];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these linters: format, structure, released, components, clippy, docs, dependencies
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(LINTS.map(|(name, _)| name)))]
    only: Vec<String>,
}

/// Runs the linters.
pub(crate) fn main(stop: &Stop, options: &Options) -> Result<()> {
    let chosen = |name: &str| options.only.is_empty() || options.only.iter().any(|n| n == name);
    let mut wrong = Vec::new();
    for (name, lint) in LINTS.into_iter().filter(|(name, _)| chosen(name)) {
        if let Err(error) = step(&format!("Checking: {name}"), || lint(stop)) {
            stop.check()?;
            eprintln!("{error:#}");
            wrong.push(name);
        }
    }
    if wrong.is_empty() {
        println!("check: the linters are content");
        return Ok(());
    }
    bail!("these linters are not content: {}", wrong.join(", "))
}

fn clippy(stop: &Stop) -> Result<()> {
    run(
        stop,
        &mut cargo(["clippy", "--all-targets", "--", "-D", "warnings"]),
    )?;
    toolchain::ensure_wasm(stop)?;
    let packages = COMPONENTS.iter().map(|(_, package)| *package);
    for package in packages.chain(["sluicegate-guest"]) {
        let arguments = [
            "clippy",
            "-p",
            package,
            "--no-deps",
            "--target",
            WASM,
            "--",
            "-D",
            "warnings",
        ];
        run(stop, &mut cargo(arguments))?;
    }
    Ok(())
}

fn docs(stop: &Stop) -> Result<()> {
    run(
        stop,
        cargo(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// Licences, sources, and who may use what. Advisories need a database from the network, so they are asked elsewhere.
fn dependencies(stop: &Stop) -> Result<()> {
    let deny = cargo_deny(stop)?;
    let mut command = Command::new(deny);
    command.args(["--workspace", "check", "bans", "licenses", "sources"]);
    run(stop, command.current_dir(crate::cargo::root()))
}

fn cargo_deny(stop: &Stop) -> Result<PathBuf> {
    if let Some(found) = on_path("cargo-deny") {
        return Ok(found);
    }
    let tools = target().join("tools");
    let program = tools.join("bin/cargo-deny");
    if !program.is_file() {
        step("Installing cargo-deny (some minutes, once)", || {
            let mut install = cargo([
                "install",
                "cargo-deny",
                "--locked",
                "--version",
                DENY_VERSION,
            ]);
            run(stop, install.arg("--root").arg(&tools))
        })?;
    }
    Ok(program)
}
