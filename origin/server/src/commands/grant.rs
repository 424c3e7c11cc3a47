//! `grant`: who is reviewer or operator.

use std::process::ExitCode;

use anyhow::{Context, Result};
use sluicegate_core::account::parse_handle;
use sluicegate_local::system_env;

use super::with_database;
use crate::cli;
use crate::settings::Settings;

/// `grant --role … <handle>`: the way to the first operator, and back.
pub async fn command(settings: &Settings, options: &cli::Grant) -> Result<ExitCode> {
    let handle = parse_handle(&options.handle).map_err(|error| anyhow::anyhow!("{error}"))?;
    let env = system_env();
    with_database(settings, async |database| {
        let changed = database
            .accounts()
            .set_role(&handle, options.role, env.new_id(), env.now())
            .await?;
        let before = changed.with_context(|| format!("nobody has the handle {handle}"))?;
        let (before, after) = (before.as_str(), options.role.as_str());
        if before == after {
            println!("{handle} has the role {after} already");
        } else {
            tracing::info!(handle, before, after, "a role was changed");
            println!("{handle} had the role {before}, and has the role {after} now");
        }
        Ok(())
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}
