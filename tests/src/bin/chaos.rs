//! Faults at random under load; `cargo xtask chaos` builds what it needs and runs it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use sluicegate_tests::chaos::{self, Plan};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nchaos failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let mut plan = Plan {
        faults: 200,
        seed: 1,
        report: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--faults" => plan.faults = value.parse().context("--faults")?,
            "--seed" => plan.seed = value.parse().context("--seed")?,
            "--report" => plan.report = Some(PathBuf::from(value)),
            _ => bail!("unknown argument {name}: --faults N, --seed N, --report FILE"),
        }
    }
    chaos::run(plan).await
}
