use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::process::Stop;
use crate::{
    bench, chaos, check, components, demo, dev, fuzz, guard, openapi, record_contract, released,
    sqlx, test, test_api,
};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Everything a person types to work on Sluicegate"
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run everything on this machine and print the URL; Ctrl-C stops it all
    Dev(dev::Options),
    /// Set up what tests need, then run all of them
    Test(test::Options),
    /// Run all linters: format, clippy, dependencies, docs, interfaces, structure
    Check(check::Options),
    /// Build the WebAssembly components and compare their interfaces with the committed lists
    Components {
        /// Rewrite the lists instead of comparing
        #[arg(long)]
        bless: bool,
    },
    /// Build everything and run the demonstration
    Demo,
    /// Build everything, let parts of it fail at random under load, and look at what is left
    Chaos(chaos::Options),
    /// Start everything and hold its answers against the OpenAPI document (with schemathesis)
    TestApi(test_api::Options),
    /// Record anew what edge and origin say to each other (`tests/contract`)
    RecordContract(record_contract::Options),
    /// Write the OpenAPI document of the API anew (`docs/api/openapi.json`)
    Openapi,
    /// Measure the edge against a native proxy, a whole platform, or the queues against each other
    Bench(bench::Options),
    /// Throw generated input at whatever reads a client's bytes (needs a nightly compiler)
    Fuzz(fuzz::Options),
    /// Prepare the queries anew (`.sqlx`) against a private Postgres
    Sqlx,
    /// Write down the queries of the newest tag (`released/queries.json` of the adapter), at each release
    ReleaseQueries,
    /// Run a program that ends when stdin does
    #[command(hide = true)]
    Guard {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

pub(crate) fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    let stop = Stop::on_signals()?;
    let done = match task {
        Task::Guard { command } => return guard::main(&stop, &command),
        Task::Test(options) => return test::main(&stop, &options),
        Task::Dev(options) => dev::main(&stop, &options),
        Task::Check(options) => check::main(&stop, &options),
        Task::Components { bless } => components::main(&stop, bless),
        Task::Chaos(options) => chaos::main(&stop, &options),
        Task::Demo => demo::main(&stop),
        Task::TestApi(options) => test_api::main(&stop, &options),
        Task::RecordContract(options) => record_contract::main(&stop, &options),
        Task::Openapi => openapi::main(&stop),
        Task::Bench(options) => bench::main(&stop, &options),
        Task::Fuzz(options) => fuzz::main(&stop, &options),
        Task::Sqlx => sqlx::main(&stop),
        Task::ReleaseQueries => released::main(),
    };
    done.map(|()| ExitCode::SUCCESS)
}
