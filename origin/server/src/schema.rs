//! The schema of the database: who brings it up to date, and when.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use sluicegate_postgres::maintenance::{create_database, database_exists};
use sluicegate_postgres::{Database, Options, Pooling, SchemaState, migrate, probe_pooler};

use crate::places::Places;
use crate::settings::{Settings, without_password};

/// What a pooler that mixes up statements is answered with.
pub const UNFIT: &str = "the pooler behind DATABASE_URL mixes up prepared statements: use its session mode, \
     or PgBouncer 1.21 or newer with max_prepared_statements above 0";

/// `migrate`.
pub async fn command(settings: &Settings) -> Result<ExitCode> {
    let Some(url) = settings
        .database_direct
        .as_ref()
        .or(settings.database.as_ref())
    else {
        bail!("DATABASE_URL is not set; `serve` migrates the embedded database by itself");
    };
    migrate(url.expose()).await.context("cannot migrate")?;
    println!(
        "the schema of {} is current",
        without_password(url.expose())
    );
    Ok(ExitCode::SUCCESS)
}

/// Makes sure that the schema is the one that we need. The embedded database is ours to migrate; another
/// one only when somebody says so, for replicas of an older version may still run on it.
pub async fn prepare(places: &Places, told: bool) -> Result<Pooling> {
    let url = places.database_url.expose();
    if places.embedded_database {
        create(url)
            .await
            .context("cannot make the embedded database")?;
        migrate(url)
            .await
            .context("cannot migrate the embedded database")?;
        return Ok(Pooling::Session);
    }
    let pooling = probe_pooler(url).await.context("cannot use DATABASE_URL")?;
    if pooling == Pooling::Unfit {
        bail!(UNFIT);
    }
    if told {
        migrate(places.direct_url.expose())
            .await
            .context("cannot migrate")?;
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
