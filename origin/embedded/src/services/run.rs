use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::file::{Services, become_owner, remove};
use super::identity::Identity;
use super::prepare_data_directory;
use crate::files::FileError;
use crate::guard::Guard;
use crate::objects::{ServeError, ServerOptions, serve};
use crate::postgres::{BinarySearch, Durability, Options, Postgres, PostgresError, find_binaries};

/// The database that the services are for.
const DATABASE: &str = "sluicegate";
const REGION: &str = "us-east-1";
/// `initdb` on a slow disk, and recovery after a crash.
const PATIENCE: Duration = Duration::from_secs(55);

/// How to run the services.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// See [`data_directory`](super::data_directory). Made if it is not there.
    pub data_directory: PathBuf,
    /// Where to look for a Postgres.
    pub postgres: BinarySearch,
    /// Sites whose pages may send objects to presigned URLs, as `scheme://host:port`.
    pub cors_origins: Vec<String>,
    /// What stops Postgres when we die: this program, if it calls [`guard::main`](crate::guard::main).
    pub guard: Guard,
    /// For the file.
    pub version: String,
    /// Now.
    pub started_at: OffsetDateTime,
}

/// Why the services do not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another process owns those of this directory.
    #[error("other services run in {} already", .0.display())]
    Owned(PathBuf),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no database.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The S3 server ended.
    #[error("the object store ended: {0}")]
    Objects(#[from] ServeError),
    /// The S3 server panicked.
    #[error("the object store broke")]
    ObjectsBroke,
    /// Postgres ended.
    #[error("the database ended; its log is in {}", .0.display())]
    PostgresEnded(PathBuf),
}

/// Starts the services, calls `ready` when they answer, and keeps them up until `shutdown` ends or
/// one of them does. Then the file is removed first, and the services stop.
pub async fn run(
    options: &RunOptions,
    ready: impl FnOnce(&Services),
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let folder = &options.data_directory;
    prepare_data_directory(folder)?;
    let _lock = become_owner(folder)
        .await?
        .ok_or_else(|| RunError::Owned(folder.clone()))?;
    remove(folder)?;

    let (identity, listener) = Identity::establish(&folder.join("objects.json")).await?;
    let stop = CancellationToken::new();
    let mut objects = {
        let (root, stopped) = (folder.join("objects"), stop.clone());
        let how = ServerOptions {
            cors_origins: options.cors_origins.clone(),
            ..ServerOptions::new(identity.credentials())
        };
        tokio::spawn(async move { serve(listener, &root, &how, stopped.cancelled_owned()).await })
    };
    let ran = async {
        let mut postgres = start_postgres(options, folder).await?;
        let services = describe(options, &identity, &postgres);
        let ended = keep(
            &services,
            folder,
            &mut postgres,
            &mut objects,
            ready,
            shutdown,
        )
        .await;
        // Also if that failed: what cannot be removed is seen to be stale.
        let removed = remove(folder);
        postgres.stop_in_any_case().await;
        ended.and(removed.map_err(RunError::from))
    }
    .await;
    stop.cancel();
    if !objects.is_finished() {
        let served = objects.await.map_err(|_| RunError::ObjectsBroke)?;
        return ran.and(served.map_err(RunError::from));
    }
    ran
}

async fn keep(
    services: &Services,
    folder: &Path,
    postgres: &mut Postgres,
    objects: &mut JoinHandle<Result<(), ServeError>>,
    ready: impl FnOnce(&Services),
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    services.write(folder)?;
    ready(services);
    tokio::select! {
        () = shutdown => Ok(()),
        () = postgres.ended() => Err(RunError::PostgresEnded(folder.join("postgres/log"))),
        ended = objects => match ended {
            Ok(served) => served.map_err(RunError::from),
            Err(_) => Err(RunError::ObjectsBroke),
        },
    }
}

async fn start_postgres(options: &RunOptions, folder: &Path) -> Result<Postgres, PostgresError> {
    let options = Options {
        binaries: find_binaries(&options.postgres)?,
        folder: folder.join("postgres"),
        durability: Durability::Kept,
        guard: options.guard.clone(),
        patience: PATIENCE,
    };
    Postgres::start(&options).await
}

fn describe(options: &RunOptions, identity: &Identity, postgres: &Postgres) -> Services {
    let credentials = identity.credentials();
    Services {
        database_url: postgres.url(DATABASE),
        postgres_socket_folder: postgres.socket_folder().to_owned(),
        s3_endpoint: identity.endpoint(),
        s3_region: REGION.to_owned(),
        s3_access_key_id: credentials.access_key,
        s3_secret_access_key: credentials.secret_key,
        pid: std::process::id(),
        version: options.version.clone(),
        started_at: options.started_at,
    }
}
