use std::path::PathBuf;
use std::time::Duration;

use crate::files::FileError;
use crate::guard::Guard;

/// The superuser of every cluster that we make.
pub const USER: &str = "sluicegate";

/// How much the data matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It is somebody's data: what is committed survives a power cut.
    Kept,
    /// Tests: nothing is synced, and the folder is removed when Postgres stops.
    ThrownAway,
}

/// How to start a Postgres.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where `initdb` and `postgres` are: see [`find_binaries`](super::find_binaries).
    pub binaries: PathBuf,
    /// A folder for this Postgres alone; made if it is not there. As root it is given to the user
    /// that Postgres runs as, who must be able to pass all folders above it.
    pub folder: PathBuf,
    /// How much the data matters.
    pub durability: Durability,
    /// What stops it when we die.
    pub guard: Guard,
    /// How long `start` may take in all.
    pub patience: Duration,
}

/// Why there is no Postgres.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// None is installed.
    #[error(
        "no Postgres server was found: install one (Debian: apt-get install postgresql; macOS: brew \
         install postgresql), set SLUICEGATE_POSTGRES_BIN to the folder that holds initdb and postgres, \
         or set DATABASE_URL to use a running one"
    )]
    NotInstalled,
    /// The named folder holds none.
    #[error("{} holds no initdb and postgres", .0.display())]
    NotThere(PathBuf),
    /// It is of a version that is not supported.
    #[error("Postgres {version} in {} is too old: {oldest} or newer is needed", folder.display())]
    TooOld {
        /// Where it is.
        folder: PathBuf,
        /// Its major version.
        version: u32,
        /// The oldest that is supported.
        oldest: u32,
    },
    /// Root starts it as another user, who cannot get to the folder.
    #[error(
        "Postgres cannot run as root, and the user it runs as instead may not enter {}: choose a data \
         directory elsewhere with SLUICEGATE_DATA",
        .0.display()
    )]
    Closed(PathBuf),
    /// A folder in a shared place belongs to somebody else.
    #[error("{} belongs to somebody else: remove it, or choose another data directory", .0.display())]
    Taken(PathBuf),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A program could not be run.
    #[error("cannot run {}: {source}", program.display())]
    Run {
        /// Which.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `initdb` failed.
    #[error("initdb failed: {0}")]
    Init(String),
    /// It ended instead of starting.
    #[error("Postgres ended at once; the end of its log: {0}")]
    Ended(String),
    /// It did not answer in time.
    #[error("Postgres did not answer within {patience:?}; the end of its log: {log}")]
    TooSlow {
        /// How long it had.
        patience: Duration,
        /// What it said last.
        log: String,
    },
}
