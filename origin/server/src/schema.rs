//! The schema of the database: who brings it up to date, and when.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use sluicegate_postgres::maintenance::{create_database, database_exists};
use sluicegate_postgres::{
    Database, Options, Pooling, SchemaState, migrate, probe_pooler, set_role_limits,
};

use crate::places::Places;
use crate::settings::{Secret, Settings, without_password};

/// What a pooler that mixes up statements is answered with.
pub const UNFIT: &str = "the pooler behind DATABASE_URL mixes up prepared statements: use its session mode, \
     or PgBouncer 1.21 or newer with max_prepared_statements above 0";

const UNFIT_REPLICA: &str = "a pooler behind DATABASE_READ_URL mixes up prepared statements: use its session mode, or \
     PgBouncer 1.21 or newer with max_prepared_statements above 0";

/// `migrate`.
pub async fn command(settings: &Settings) -> Result<ExitCode> {
    let Some(url) = settings
        .database_direct
        .as_ref()
        .or(settings.database.as_ref())
    else {
        bail!("DATABASE_URL is not set; `serve` migrates the embedded database by itself");
    };
    migrate_directly(url).await?;
    println!(
        "the schema of {} is current",
        without_password(url.expose())
    );
    Ok(ExitCode::SUCCESS)
}

/// What an attempt to migrate through a pooler in transaction mode is answered with.
pub const POOLED: &str = "cannot migrate through a pooler in transaction mode: the lock that keeps two migrations apart \
     belongs to one connection of the server; set DATABASE_DIRECT_URL to the database itself";
const POOLED_DIRECT: &str = "DATABASE_DIRECT_URL leads through a pooler in transaction mode: it must lead to the \
     database itself";

/// Migrates and sets the role's limits, unless a pooler stands between.
async fn migrate_directly(url: &Secret) -> Result<()> {
    let url = url.expose();
    if probe_pooler(url).await.context("cannot migrate")? != Pooling::Session {
        bail!(POOLED);
    }
    migrate(url).await.context("cannot migrate")?;
    limit_role(url).await;
    Ok(())
}

async fn limit_role(url: &str) {
    if let Err(error) = set_role_limits(url).await {
        tracing::warn!(%error, "could not set the time-outs of the database's role: docs/operations/database.md");
    }
}

/// Makes sure that the schema is the one that we need. The embedded database is ours to migrate; another
/// one only when somebody says so, for replicas of an older version may still run on it.
pub async fn prepare(places: &Places, replicas: &[Secret], told: bool) -> Result<Pooling> {
    let url = places.database_url.expose();
    if places.embedded_database {
        create(url)
            .await
            .context("cannot make the embedded database")?;
        migrate(url)
            .await
            .context("cannot migrate the embedded database")?;
        limit_role(url).await;
        return Ok(Pooling::Session);
    }
    let pooling = probe_pooler(url).await.context("cannot use DATABASE_URL")?;
    if pooling == Pooling::Unfit {
        bail!(UNFIT);
    }
    if places.direct_url.expose() != url {
        match probe_pooler(places.direct_url.expose()).await {
            Ok(Pooling::Session) => {}
            Ok(_) => bail!(POOLED_DIRECT),
            // Who listens there tries again.
            Err(error) => tracing::warn!(%error, "cannot use DATABASE_DIRECT_URL"),
        }
    }
    for replica in replicas {
        // One that does not answer is left out; it is probed when it does.
        if matches!(probe_pooler(replica.expose()).await, Ok(Pooling::Unfit)) {
            bail!(UNFIT_REPLICA);
        }
    }
    if told {
        migrate_directly(&places.direct_url).await?;
    }
    let options = Options {
        max_connections: 1,
        ..Options::default()
    };
    let database = Database::connect(url, &options)
        .await
        .context("cannot use DATABASE_URL")?;
    let state = database
        .schema_state()
        .await
        .context("cannot read the schema's version")?;
    database.close().await;
    match state {
        SchemaState::Current => {}
        SchemaState::Ahead => tracing::warn!("the schema is newer than this program"),
        SchemaState::Behind => bail!(
            "the schema of DATABASE_URL is older than this program: run `sluicegate-origin migrate`, \
             or `serve --migrate`"
        ),
    }
    Ok(pooling)
}

/// The embedded Postgres starts without our database. Several processes may come at once.
async fn create(url: &str) -> Result<()> {
    let (server, name) = url
        .rsplit_once('/')
        .context("the database's URL has no name")?;
    let admin = format!("{server}/postgres");
    if !database_exists(&admin, name).await? {
        create_database(&admin, name, None).await?;
    }
    Ok(())
}
