use std::time::Duration;

use sluicegate_core::error::PortError;
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tokio::time::Instant;

use crate::error::bounded;
use crate::pool::connect;

/// How long a server may take to be connected to.
const CONNECT: Duration = Duration::from_secs(5);
/// After that time it is connected to anew: a name may lead elsewhere by then.
const LIFE: Duration = Duration::from_mins(1);

/// A connection for those who watch, beside all pools: where all connections are busy, or stuck, it is not.
pub(super) struct Line {
    options: PgConnectOptions,
    open: Option<Open>,
}

struct Open {
    connection: PgConnection,
    since: Instant,
}

impl Line {
    /// Connects when it is first needed.
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self {
            options,
            open: None,
        }
    }

    /// The connection, and whether it is a new one.
    pub(super) async fn hold(&mut self) -> Result<Held<'_>, PortError> {
        let open = self.open.take().filter(|open| open.since.elapsed() < LIFE);
        let is_new = open.is_none();
        let open = match open {
            Some(open) => open,
            None => Open {
                connection: bounded(CONNECT, connect(&self.options)).await?,
                since: Instant::now(),
            },
        };
        Ok(Held {
            place: &mut self.open,
            open,
            is_new,
        })
    }
}

/// A line in use: whoever does not give it back, because it failed or said nothing, has a new one next time.
pub(super) struct Held<'a> {
    place: &'a mut Option<Open>,
    open: Open,
    pub(super) is_new: bool,
}

impl Held<'_> {
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.open.connection
    }

    pub(super) fn give_back(self) {
        *self.place = Some(self.open);
    }
}
