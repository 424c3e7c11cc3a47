use std::process::Command;

use anyhow::Result;

use crate::cargo::{root, target};
use crate::process::{Stop, run};
use crate::ui::step;
use crate::{components, dev, postgres};

/// Builds everything and runs the demonstration, which starts the platform on free ports itself.
pub(crate) fn main(stop: &Stop) -> Result<()> {
    let postgres = postgres::ensure(stop)?;
    components::main(stop, false)?;
    dev::build_programs(stop)?;
    // Not by `cargo run`, which would resolve features for this one package and build half of it again.
    let mut demo = Command::new(target().join("debug/demo"));
    demo.current_dir(root());
    step("Running the demonstration", || {
        run(stop, demo.env("SLUICEGATE_POSTGRES_BIN", postgres))
    })
}
