//! Records what edge and origin say to each other; `cargo xtask record-contract` builds what it needs and
//! runs it.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match sluicegate_tests::contract::record().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nothing whole was recorded: {error:#}");
            ExitCode::FAILURE
        }
    }
}
