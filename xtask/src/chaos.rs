use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::cargo::{root, target};
use crate::process::{Stop, run};
use crate::services::Services;
use crate::ui::step;
use crate::{components, dev, postgres};

/// How much goes wrong.
#[derive(Args)]
pub(crate) struct Options {
    /// How many faults, one after the other
    #[arg(long, default_value_t = 200)]
    faults: u32,
    /// What faults, files and moments follow from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Put the report into this document, between its marks
    #[arg(long)]
    report: Option<PathBuf>,
}

/// Builds everything and lets it fail at random under load.
pub(crate) fn main(stop: &Stop, options: &Options) -> Result<()> {
    let postgres = postgres::ensure(stop)?;
    let services = Services::prepare_only(stop, "faults", &["Faketime"])?;
    components::main(stop, false)?;
    dev::build_programs(stop)?;
    // Not by `cargo run`, which would resolve features for this one package and build half of it again.
    let mut chaos = Command::new(target().join("debug/chaos"));
    chaos
        .current_dir(root())
        .env("SLUICEGATE_POSTGRES_BIN", postgres)
        .args(["--faults", &options.faults.to_string()])
        .args(["--seed", &options.seed.to_string()]);
    services.name_to(&mut chaos);
    if let Some(report) = &options.report {
        chaos.arg("--report").arg(report);
    }
    step("Letting parts fail", || run(stop, &mut chaos))
}
