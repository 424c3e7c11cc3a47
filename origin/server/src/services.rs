//! `services`: the embedded Postgres and object store, for all processes that share a data directory.

use std::process::ExitCode;

use anyhow::Result;
use sluicegate_embedded::guard::Guard;
use sluicegate_embedded::postgres::BinarySearch;
use sluicegate_embedded::services::{RunOptions, end_of_input, run};
use sluicegate_local::system_env;

use crate::settings::Settings;
use crate::{places, program, signals};

/// Runs them until stopped; with `with_parent` also until stdin ends. Says `services are ready` on stdout.
pub async fn command(settings: &Settings, with_parent: bool) -> Result<ExitCode> {
    let shutdown = signals::stop_on_signal()?;
    let options = RunOptions {
        data_directory: places::data_folder(settings)?,
        postgres: BinarySearch {
            chosen: settings.postgres_bin.clone(),
        },
        guard: Guard::Program(program::own_file()?),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: system_env().now().into_inner(),
    };
    let ready = |services: &sluicegate_embedded::services::Services| {
        tracing::info!(folder = %options.data_directory.display(), "services: {services:?}");
        println!("services are ready");
    };
    let stop = async {
        if with_parent {
            tokio::select! { () = shutdown.cancelled() => {} () = end_of_input() => {} }
        } else {
            shutdown.cancelled().await;
        }
    };
    run(&options, ready, stop).await?;
    Ok(ExitCode::SUCCESS)
}
