//! Commands that change something in the database or the store, and end.

pub mod bucket;
pub mod grant;
pub mod jobs;
pub mod keys;
pub mod sweep;

use anyhow::Result;
use sluicegate_postgres::Database;

use crate::places::Places;
use crate::settings::Settings;
use crate::{compose, program, schema};

/// Does something with the database, embedded or not, after its schema was found to be ours.
async fn with_database(
    settings: &Settings,
    work: impl AsyncFnOnce(&Database) -> Result<()>,
) -> Result<()> {
    let places = Places::find(settings, &program::own_file()?).await?;
    schema::prepare(&places, &[], false).await?;
    let database = compose::database(settings, &places).await?;
    let done = work(&database).await;
    database.close().await;
    places.leave().await;
    done
}
