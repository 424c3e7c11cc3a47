//! `services`: the embedded Postgres and object store, for all processes that share a data directory.

use std::process::ExitCode;

use anyhow::Result;
use sluicegate_embedded::guard::Guard;
use sluicegate_embedded::services::{RunOptions, end_of_input, run};
use sluicegate_local::system_env;

use crate::settings::Settings;
use crate::{places, program, signals};

/// Runs them until stopped; with `with_parent` until stdin ends, and then deaf to signals: a service
/// manager sends them to all processes at once, while our parent still needs us to finish what it has begun.
/// Says `services are ready` on stdout.
pub async fn command(settings: &Settings, with_parent: bool) -> Result<ExitCode> {
    let shutdown = if with_parent {
        signals::ignore()?;
        None
    } else {
        Some(signals::stop_on_signal()?)
    };
    let options = RunOptions {
        data_directory: places::data_folder(settings)?,
        postgres: places::postgres_search(settings),
        cors_origins: settings.cors_origins.clone(),
        guard: Guard::Program(program::own_file()?),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: system_env().now().into_inner(),
    };
    let ready = |services: &sluicegate_embedded::services::Services| {
        tracing::info!(folder = %options.data_directory.display(), "services: {services:?}");
        println!("services are ready");
    };
    let stop = async {
        match shutdown {
            Some(shutdown) => shutdown.cancelled().await,
            None => end_of_input().await,
        }
    };
    run(&options, ready, stop).await?;
    Ok(ExitCode::SUCCESS)
}
