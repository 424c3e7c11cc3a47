use std::time::Duration;

use sluicegate_core::error::PortError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use super::position::{of_primary, of_replica};
use super::replica::Why;
use crate::database::{Database, connect_options};
use crate::error::bounded;
use crate::pooler::{Pooling, probe_pooler};

const GLANCE: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(10);
/// Connections that must all lead to the same server.
const OTHERS: u32 = 3;

/// What one look at a replica found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// It had after so long what the primary had at the beginning.
    InStep(Duration),
    /// It had not within the time that was given.
    Late,
    /// It cannot be used at all.
    Unusable(Why),
}

/// Looks at the replica of this URL once, and waits for it no longer than `patience`. For `doctor`.
pub async fn compare(
    primary: &Database,
    url: &str,
    patience: Duration,
) -> Result<Compared, PortError> {
    if probe_pooler(url).await? == Pooling::Unfit {
        return Ok(Compared::Unusable(Why::Unfit));
    }
    let options = connect_options(url)?;
    let began = Instant::now();
    let wanted = {
        let mut primary = bounded(LIMIT, primary.pool.acquire()).await?;
        bounded(LIMIT, of_primary(&mut primary)).await?
    };
    let mut replica = bounded(LIMIT, PgConnection::connect_with(&options)).await?;
    let (compared, server) = loop {
        let found = bounded(LIMIT, of_replica(&mut replica)).await?;
        let server = found.server;
        let Some(reached) = found.position else {
            break (Compared::Unusable(Why::NoReplica), server);
        };
        if let Some(why) = wanted.history.tell_apart(&reached.history) {
            break (Compared::Unusable(why), server);
        }
        if reached.position >= wanted.position {
            break (Compared::InStep(began.elapsed()), server);
        }
        if began.elapsed() > patience {
            break (Compared::Late, server);
        }
        sleep(GLANCE).await;
    };
    bounded(LIMIT, replica.close()).await?;
    for _ in 0..OTHERS {
        if another(&options, server).await? {
            return Ok(Compared::Unusable(Why::Several));
        }
    }
    Ok(compared)
}

/// Whether another connection leads to another server.
async fn another(options: &PgConnectOptions, server: i64) -> Result<bool, PortError> {
    bounded(LIMIT, async {
        let mut other = PgConnection::connect_with(options).await?;
        let found = of_replica(&mut other).await?.server;
        other.close().await?;
        Ok(found != server)
    })
    .await
}
