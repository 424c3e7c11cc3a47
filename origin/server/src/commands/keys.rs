//! `keys`: what signs access tokens.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use sluicegate_api::new_signing_key;
use sluicegate_core::signing::{PUBLISHED_AHEAD, Phase, phases};
use sluicegate_local::system_env;
use sluicegate_postgres::Database;

use super::with_database;
use crate::cli::{Keys, Rotate};
use crate::settings::Settings;
use crate::table::table;

const SHARED: &str = "JWT_SECRET is set: access tokens are signed with that secret (HS256), and there are no \
    keys in the database to rotate. To change it, set a new secret at all origins and edges together: access \
    tokens of the old one are refused then, and clients refresh their sessions";

/// `keys list`, `keys rotate`.
pub async fn command(settings: &Settings, command: Keys) -> Result<ExitCode> {
    if settings.tokens.secret.is_some() {
        bail!(SHARED);
    }
    with_database(settings, async |database| {
        if let Keys::Rotate(options) = command {
            rotate(database, ago(settings, options)?).await?;
        }
        list(database).await
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

fn ago(settings: &Settings, options: Rotate) -> Result<Duration> {
    ensure!(
        options.ago_minutes == 0 || settings.database.is_none(),
        "--ago-minutes lets a key sign before edges have it, and ends tokens that are still good: it is for \
         drills on the embedded database alone"
    );
    Ok(Duration::from_mins(options.ago_minutes.into()))
}

/// Adds a key that signs when every edge has it. Origins that run notice by themselves.
async fn rotate(database: &Database, ago: Duration) -> Result<()> {
    let env = system_env();
    let (now, store) = (env.now(), database.signing_keys());
    let is_first = store.keys().await?.is_empty();
    let then = now.minus(ago);
    let signs_from = if is_first {
        then
    } else {
        then.plus(PUBLISHED_AHEAD)
    };
    let key = new_signing_key(&env, signs_from)?;
    if store.add(&key, now).await? {
        tracing::info!(key = key.id, %signs_from, "a signing key was added");
        println!("{} is published now, and signs from {signs_from}", key.id);
    } else {
        println!("nothing was done: a new key waits already");
    }
    Ok(())
}

async fn list(database: &Database) -> Result<()> {
    let keys = database.signing_keys().keys().await?;
    let phases = phases(&keys, system_env().now());
    let rows: Vec<_> = keys
        .iter()
        .zip(phases)
        .map(|(key, phase)| [key.id.clone(), key.created_at.to_string(), state(phase)])
        .collect();
    print!("{}", table(["key", "made", "state"], &rows));
    Ok(())
}

fn state(phase: Phase) -> String {
    match phase {
        Phase::Waiting(from) => format!("published, signs from {from}"),
        Phase::Signing => "signs".to_owned(),
        Phase::Verifying(until) => format!("verifies until {until}"),
        Phase::Over => "over; the next origin that looks deletes it".to_owned(),
    }
}
