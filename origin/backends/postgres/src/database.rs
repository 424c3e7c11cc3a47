use std::sync::Arc;
use std::time::Duration;

use sluicegate_core::error::PortError;
use sluicegate_core::ports::{
    AccountStore, AnswerStore, AuditStore, ErasureStore, JobQueue, JobRelay, PostStore,
    SessionStore, SigningKeyStore, SweepStore, UploadStore,
};
use sqlx::postgres::PgConnectOptions;

use crate::accounts::PgAccounts;
use crate::answers::PgAnswers;
use crate::audit::PgAudit;
use crate::erasure::PgErasure;
use crate::error::{bounded, port_error};
use crate::jobs::PgJobs;
use crate::jobs::relay::PgRelay;
use crate::migrate::{SchemaState, schema_state};
use crate::pool::Pool;
use crate::posts::PgPosts;
use crate::replicas::Served;
use crate::sessions::PgSessions;
use crate::signing_keys::PgSigningKeys;
use crate::sweep::PgSweep;
use crate::uploads::PgUploads;

/// How a [`Database`] is used.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections at most. All replicas together must stay below what the server or pooler allows.
    pub max_connections: u32,
    /// How long a call may wait for a connection.
    pub acquire_timeout: Duration,
    /// How long a call may take, the wait for a connection included.
    pub call_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 16,
            acquire_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(10),
        }
    }
}

/// A pool of connections, and the stores on it. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Database {
    pub(crate) pool: Pool,
    call_timeout: Duration,
}

impl Database {
    /// Connects. `Unavailable` if nobody answers in time, `Failed` if the URL is wrong or the server
    /// refuses us. Sets nothing on the session, so that a pooler in transaction mode may stand between.
    pub async fn connect(url: &str, options: &Options) -> Result<Self, PortError> {
        let pool = Pool::connect(options, connect_options(url)?)
            .await
            .map_err(port_error)?;
        Ok(Self {
            pool,
            call_timeout: options.call_timeout,
        })
    }

    /// A replica's: as [`Database::connect`], but connects when it is first needed, and lends connections to `served`
    /// alone. Fails only if the URL cannot be read.
    pub(crate) fn of_replica(
        url: &str,
        options: &Options,
        served: &Arc<Served>,
    ) -> Result<Self, PortError> {
        let pool = Pool::of_replica(options, connect_options(url)?, served);
        Ok(Self {
            pool,
            call_timeout: options.call_timeout,
        })
    }

    /// Accounts and profiles.
    pub fn accounts(&self) -> Arc<dyn AccountStore> {
        Arc::new(PgAccounts(self.clone()))
    }

    /// Sessions and refresh tokens.
    pub fn sessions(&self) -> Arc<dyn SessionStore> {
        Arc::new(PgSessions(self.clone()))
    }

    /// The keys that sign access tokens.
    pub fn signing_keys(&self) -> Arc<dyn SigningKeyStore> {
        Arc::new(PgSigningKeys(self.clone()))
    }

    /// Uploads and their pictures.
    pub fn uploads(&self) -> Arc<dyn UploadStore> {
        Arc::new(PgUploads(self.clone()))
    }

    /// Posts.
    pub fn posts(&self) -> Arc<dyn PostStore> {
        Arc::new(PgPosts(self.clone()))
    }

    /// Answers that are kept for repeated requests.
    pub fn answers(&self) -> Arc<dyn AnswerStore> {
        Arc::new(PgAnswers(self.clone()))
    }

    /// What an audit needs.
    pub fn audit(&self) -> Arc<dyn AuditStore> {
        Arc::new(PgAudit(self.clone()))
    }

    /// What the sweep needs.
    pub fn sweep(&self) -> Arc<dyn SweepStore> {
        Arc::new(PgSweep(self.clone()))
    }

    /// The table queue.
    pub fn jobs(&self) -> Arc<dyn JobQueue> {
        Arc::new(PgJobs(self.clone()))
    }

    /// The rows of jobs, for a queue beside the table.
    pub fn relay(&self) -> Arc<dyn JobRelay> {
        Arc::new(PgRelay(self.clone()))
    }

    /// What erases accounts.
    pub fn erasure(&self) -> Arc<dyn ErasureStore> {
        Arc::new(PgErasure(self.clone()))
    }

    /// Whether the schema is the one that this program was built for.
    pub async fn schema_state(&self) -> Result<SchemaState, PortError> {
        self.run(schema_state(&self.pool)).await
    }

    /// Waits until all connections are given back and closes them. Calls after that are `Unavailable`.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Every call of every store goes through here: bounded in time, errors sorted.
    pub(crate) async fn run<T>(
        &self,
        call: impl Future<Output = sqlx::Result<T>>,
    ) -> Result<T, PortError> {
        bounded(self.call_timeout, call).await
    }
}

/// Whether a text is the URL of a database, as far as that can be told without connecting; the error says
/// what is wrong with it.
pub fn check_url(url: &str) -> Result<(), String> {
    let options: Result<PgConnectOptions, sqlx::Error> = url.parse();
    options.map(drop).map_err(|error| error.to_string())
}

/// Host and port, for people.
pub(crate) fn place(url: &str) -> Result<String, PortError> {
    let options = connect_options(url)?;
    Ok(format!("{}:{}", options.get_host(), options.get_port()))
}

/// Parses a URL. `PgBouncer` refuses the start-up parameter `extra_float_digits`; servers since
/// Postgres 12 need no such hint.
pub(crate) fn connect_options(url: &str) -> Result<PgConnectOptions, PortError> {
    let options: PgConnectOptions = url.parse().map_err(port_error)?;
    Ok(options
        .application_name("sluicegate")
        .extra_float_digits(None))
}
