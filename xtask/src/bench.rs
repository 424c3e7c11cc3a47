use std::process::Command;

use anyhow::Result;

use crate::cargo::{cargo, root, target};
use crate::process::{Stop, run};
use crate::services::Services;
use crate::ui::step;
use crate::{components, postgres};

/// Each is linked for minutes when it is optimised.
const PROGRAMS: [&str; 3] = ["sluicegate-bench", "sluicegate-edge", "sluicegate-origin"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The edge against a native proxy, a whole platform, or the queues against each other and BullMQ of Node
    #[arg(value_parser = ["edge", "origin", "queue"])]
    what: String,
    /// 1 is the run that figures are taken from; 0.01 shows that it works
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Programs as `cargo xtask dev` builds them: quick to build, and slow
    #[arg(long)]
    unoptimised: bool,
}

/// Builds programs and components, and runs a benchmark of `bench/`.
pub(crate) fn main(stop: &Stop, options: &Options) -> Result<()> {
    let postgres = postgres::ensure(stop)?;
    let services = match options.what.as_str() {
        "queue" => Services::prepare_only(stop, "figures", &["Redis", "Node"])?,
        _ => Services::none(),
    };
    components::main(stop, false)?;
    let mut build = cargo(["build"]);
    let folder = if options.unoptimised {
        // All of them, as everybody else builds them: with fewer, dependencies would have other features.
        build.arg("--bins");
        "debug"
    } else {
        build.arg("--release");
        for program in PROGRAMS {
            build.args(["--bin", program]);
        }
        "release"
    };
    step(
        "Building the programs (half an hour the first time)",
        || run(stop, &mut build),
    )?;
    let mut bench = Command::new(target().join(folder).join("sluicegate-bench"));
    bench
        .args([&options.what, "--scale", &options.scale.to_string()])
        .env("SLUICEGATE_POSTGRES_BIN", postgres)
        .current_dir(root());
    services.name_to(&mut bench);
    run(stop, &mut bench)
}
