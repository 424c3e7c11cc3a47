use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::cargo::{root, target};
use crate::process::{Stop, output, run};
use crate::python::install_package;
use crate::ui::step;
use crate::{components, dev, postgres};

/// The tool that makes requests from the OpenAPI document and checks the answers against it.
const VERSION: &str = "4.32.5";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Requests of each phase that are made of one operation, at most
    #[arg(long, default_value_t = 20)]
    examples: u32,
    /// The same seed makes the same requests
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Starts a platform and holds its answers against the OpenAPI document.
pub(crate) fn main(stop: &Stop, options: &Options) -> Result<()> {
    let postgres = postgres::ensure(stop)?;
    let schemathesis = schemathesis(stop)?;
    components::main(stop, false)?;
    dev::build_programs(stop)?;
    let mut program = Command::new(target().join("debug/test-api"));
    program
        .current_dir(root())
        .arg(schemathesis)
        .arg(options.examples.to_string())
        .arg(options.seed.to_string())
        .env("SLUICEGATE_POSTGRES_BIN", postgres);
    step("Testing the API against its document", || {
        run(stop, &mut program)
    })
}

/// The program, installed once into a virtual environment of its own.
fn schemathesis(stop: &Stop) -> Result<PathBuf> {
    let home = target().join("tools/schemathesis");
    let program = home.join("bin/schemathesis");
    let is_there = || {
        output(Command::new(&program).arg("--version")).is_some_and(|text| text.contains(VERSION))
    };
    if is_there() {
        return Ok(program);
    }
    let what = format!("Installing schemathesis {VERSION} from PyPI (a minute, once)");
    step(&what, || {
        install_package(stop, &home, &format!("schemathesis=={VERSION}"))
    })?;
    if !is_there() {
        bail!("{} does not say that it is {VERSION}", program.display());
    }
    Ok(program)
}
