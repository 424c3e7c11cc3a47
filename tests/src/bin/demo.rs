//! Shows the whole platform at work; `cargo xtask demo` builds what it needs and runs it.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match sluicegate_tests::demo::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nthe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
