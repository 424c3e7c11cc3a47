use std::process::Command;

use anyhow::Result;

use crate::cargo::{root, target};
use crate::process::{Stop, run};
use crate::ui::{note, step};
use crate::{components, dev, postgres};

/// Records anew what edge and origin say to each other in the current version of their contract.
pub(crate) fn main(stop: &Stop) -> Result<()> {
    let postgres = postgres::ensure(stop)?;
    components::main(stop, false)?;
    dev::build_programs(stop)?;
    let mut program = Command::new(target().join("debug/record-contract"));
    program.current_dir(root());
    step("Recording what edge and origin say", || {
        run(stop, program.env("SLUICEGATE_POSTGRES_BIN", postgres))
    })?;
    note(
        "read the diff of tests/contract: where it takes something away, peers of older releases will miss it",
    );
    Ok(())
}
