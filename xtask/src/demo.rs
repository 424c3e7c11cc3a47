use anyhow::Result;

use crate::cargo::cargo;
use crate::process::{Stop, run};
use crate::ui::step;
use crate::{components, dev, postgres};

/// Builds everything and runs the demonstration, which starts the platform on free ports itself.
pub(crate) fn main(stop: &Stop) -> Result<()> {
    let postgres = postgres::ensure(stop)?;
    components::main(stop, false)?;
    dev::build_programs(stop)?;
    let mut demo = cargo(["run", "--quiet", "-p", "sluicegate-tests", "--bin", "demo"]);
    step("Running the demonstration", || {
        run(stop, demo.env("SLUICEGATE_POSTGRES_BIN", postgres))
    })
}
