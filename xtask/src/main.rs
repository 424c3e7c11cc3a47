//! `cargo xtask …`: everything a person types. `cargo xtask help` lists it.
//!
//! Small and blocking on purpose: it is built before anything else can be. Start at [`tasks`] for
//! what each command does; [`process`] is the one place that starts and stops programs.

mod bench;
mod cargo;
mod chaos;
mod check;
mod chromium;
mod components;
mod demo;
mod dev;
mod fuzz;
mod guard;
mod net;
mod openapi;
mod postgres;
mod process;
mod python;
mod record_contract;
mod released;
mod services;
mod sqlx;
mod structure;
mod suites;
mod tally;
mod tasks;
mod test;
mod test_api;
mod toolchain;
mod ui;

fn main() -> std::process::ExitCode {
    tasks::main()
}
