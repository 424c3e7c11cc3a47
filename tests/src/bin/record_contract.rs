//! Records what edge and origin say to each other, in all scenarios or in those whose folders are named;
//! `cargo xtask record-contract` builds what it needs and runs it.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let only: Vec<String> = std::env::args().skip(1).collect();
    match sluicegate_tests::contract::record(&only).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nothing whole was recorded: {error:#}");
            ExitCode::FAILURE
        }
    }
}
