use std::process::Command;

use anyhow::Result;

use crate::cargo::{root, target};
use crate::process::{Stop, run};
use crate::ui::{note, step};
use crate::{components, dev, postgres};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these scenarios, by their folder in that of the version; `.` is the one that lies there itself
    folders: Vec<String>,
}

/// Records anew what edge and origin say to each other in the current version of their contract.
pub(crate) fn main(stop: &Stop, options: &Options) -> Result<()> {
    let postgres = postgres::ensure(stop)?;
    components::main(stop, false)?;
    dev::build_programs(stop)?;
    let mut program = Command::new(target().join("debug/record-contract"));
    program.current_dir(root()).args(&options.folders);
    step("Recording what edge and origin say", || {
        run(stop, program.env("SLUICEGATE_POSTGRES_BIN", postgres))
    })?;
    note(
        "read the diff of tests/contract: where it takes something away, peers of older releases will miss it",
    );
    Ok(())
}
