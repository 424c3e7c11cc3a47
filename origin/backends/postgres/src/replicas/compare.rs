use std::time::Duration;

use sluicegate_core::error::PortError;
use tokio::time::{Instant, sleep};

use super::position::{of_primary, of_replica};
use super::replica::Why;
use crate::database::{self, Database};
use crate::pooler::{Pooling, probe_pooler};

const GLANCE: Duration = Duration::from_millis(20);

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
    let options = database::Options {
        max_connections: 1,
        ..database::Options::default()
    };
    let replica = Database::connect(url, &options).await?;
    let began = Instant::now();
    let wanted = of_primary(primary, options.call_timeout).await?;
    let compared = loop {
        let Some(reached) = of_replica(&replica, options.call_timeout).await? else {
            break Compared::Unusable(Why::NoReplica);
        };
        if reached.system != wanted.system {
            break Compared::Unusable(Why::AnotherDatabase);
        }
        if reached.position >= wanted.position {
            break Compared::InStep(began.elapsed());
        }
        if began.elapsed() > patience {
            break Compared::Late;
        }
        sleep(GLANCE).await;
    };
    replica.close().await;
    Ok(compared)
}
