use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::files::{FileError, lock_file, write_private};
use crate::postgres::{Handshake, handshake};

/// The file in the data directory that says where the services are.
pub const FILE_NAME: &str = "services.json";
const LOCK_NAME: &str = "services.lock";
const FILE_BYTES: u64 = 64 * 1024;
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// Where the services of a data directory are. Holds secrets; the file is for its owner alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Services {
    /// The database, in sqlx's form: `postgres://sluicegate:…@%2Fsocket%2Ffolder/sluicegate`. Whoever
    /// migrates creates the database of that name.
    pub database_url: String,
    /// The folder of the database's socket.
    pub postgres_socket_folder: PathBuf,
    /// The S3 server, `http://127.0.0.1:…`.
    pub s3_endpoint: String,
    /// Its region.
    pub s3_region: String,
    /// Its user.
    pub s3_access_key_id: String,
    /// Its user's secret.
    pub s3_secret_access_key: String,
    /// The process that owns the services.
    pub pid: u32,
    /// The version of that program.
    pub version: String,
    /// When it started them.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services")
            .field("postgres_socket_folder", &self.postgres_socket_folder)
            .field("s3_endpoint", &self.s3_endpoint)
            .field("s3_access_key_id", &self.s3_access_key_id)
            .field("pid", &self.pid)
            .field("version", &self.version)
            .field("started_at", &self.started_at)
            .finish_non_exhaustive()
    }
}

/// The services of this directory, if they are up. What an owner left behind that is gone is removed.
pub async fn read(data_directory: &Path) -> Result<Option<Services>, FileError> {
    let path = data_directory.join(FILE_NAME);
    let Some(text) = text(&path)? else {
        return Ok(None);
    };
    if !has_owner(data_directory)? {
        return Ok(None);
    }
    // Of another version, or half a file of a broken disk: its owner is alive, so it stays.
    let Ok(services) = serde_json::from_slice::<Services>(&text) else {
        return Ok(None);
    };
    Ok(answer(&services).await.then_some(services))
}

impl Services {
    pub(super) fn write(&self, data_directory: &Path) -> Result<(), FileError> {
        let path = data_directory.join(FILE_NAME);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| FileError::new("describe", &path, error.into()))?;
        write_private(&path, &text)
    }
}

async fn answer(services: &Services) -> bool {
    let objects = async {
        let address = services
            .s3_endpoint
            .strip_prefix("http://")
            .unwrap_or_default();
        matches!(
            timeout(ANSWER_TIME, TcpStream::connect(address)).await,
            Ok(Ok(_))
        )
    };
    let database = async { handshake(&services.postgres_socket_folder).await == Handshake::Ready };
    let (objects, database) = tokio::join!(objects, database);
    objects && database
}

fn text(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let mut text = Vec::new();
    match File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_end(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::new("read", path, source)),
    }
}

/// Whether a process holds the services of this directory. If not, its file is removed, under a lock that keeps
/// owners out but not others who look.
pub(super) fn has_owner(data_directory: &Path) -> Result<bool, FileError> {
    let path = data_directory.join(LOCK_NAME);
    let lock = lock_file(&path)?;
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => remove(data_directory).map(|()| false),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(errno) => Err(FileError::new("lock", &path, errno.into())),
    }
}

pub(super) fn remove(data_directory: &Path) -> Result<(), FileError> {
    let path = data_directory.join(FILE_NAME);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(FileError::new("remove", &path, source))
        }
        _ => Ok(()),
    }
}

/// Becomes the owner. Those who only look hold the lock for a moment, so it is tried more than once.
/// `None`: there is another owner.
pub(super) async fn become_owner(data_directory: &Path) -> Result<Option<File>, FileError> {
    const TRIES: u32 = 50;
    let path = data_directory.join(LOCK_NAME);
    let lock = lock_file(&path)?;
    for _ in 0..TRIES {
        if crate::files::try_lock(&lock, &path)? {
            return Ok(Some(lock));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(None)
}
