//! Holds the answers of a running platform against its OpenAPI document; `cargo xtask test-api` builds what
//! it needs and runs it.

use std::process::ExitCode;

use sluicegate_tests::api_test::{Options, run};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let options = Options::read(&mut arguments);
    let done = match options {
        Ok(options) => run(&options).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nthe API is not as its document says: {error:#}");
            ExitCode::FAILURE
        }
    }
}
