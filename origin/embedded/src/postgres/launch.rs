use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use super::cluster::{Cluster, tail};
use super::{Durability, Handshake, Options, PostgresError, USER, handshake};
use crate::files::{lock_file, try_lock};

/// How often a condition is looked at while we wait for it.
const GLANCE: Duration = Duration::from_millis(20);
/// How often somebody looks whether it still runs.
const WATCH: Duration = Duration::from_millis(500);
/// How long a fast shutdown may take; the guard insists after 20 s.
const STOP_TIME: Duration = Duration::from_secs(30);

/// A Postgres that runs. It stops when this value is dropped or the process ends, however it ends,
/// unless it ran already when `start` was called.
#[derive(Debug)]
pub struct Postgres {
    socket_folder: PathBuf,
    password: String,
    source: Source,
}

enum Source {
    /// Our guard. Its stdin is the pipe that keeps Postgres up.
    Started(Child),
    /// It ran before we came.
    Found(Option<Pid>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Started(guard) => write!(f, "Started({})", guard.id()),
            Self::Found(pid) => write!(f, "Found({pid:?})"),
        }
    }
}

impl Postgres {
    /// Starts a Postgres on `options.folder`, making the cluster if there is none, and waits until it
    /// answers. One that runs there already is used as it is. Of several callers at once, one starts it.
    pub async fn start(options: &Options) -> Result<Self, PostgresError> {
        let deadline = Instant::now() + options.patience;
        let cluster = Cluster::prepare(options)?;
        let too_slow = || PostgresError::TooSlow {
            patience: options.patience,
            log: cluster.log_tail(),
        };
        let started = async {
            let _lock = wait_for_lock(&cluster.folder.join("lock")).await?;
            if !cluster.is_made() {
                tracing::info!(folder = %cluster.folder.display(), "making a database cluster");
                cluster.init(options).await?;
            }
            if wait_for_older(&cluster).await {
                return Ok(Source::Found(cluster.running()));
            }
            launch(options, &cluster).await.map(Source::Started)
        };
        let source = tokio::time::timeout_at(deadline, started)
            .await
            .map_err(|_| too_slow())??;
        let Cluster {
            socket_folder,
            password,
            ..
        } = cluster;
        Ok(Self {
            socket_folder,
            password,
            source,
        })
    }

    /// The URL of a database in it, for the superuser: `postgres://sluicegate:…@%2Fsocket%2Ffolder/name`.
    /// The database need not be there: `postgres` always is.
    pub fn url(&self, database: &str) -> String {
        let host = utf8_percent_encode(&self.socket_folder.to_string_lossy(), NON_ALPHANUMERIC)
            .to_string();
        let database = utf8_percent_encode(database, NON_ALPHANUMERIC);
        format!("postgres://{USER}:{}@{host}/{database}", self.password)
    }

    /// The folder that holds its socket.
    pub fn socket_folder(&self) -> &Path {
        &self.socket_folder
    }

    /// Whether it ran before [`Postgres::start`] was called.
    pub fn was_running(&self) -> bool {
        matches!(self.source, Source::Found(_))
    }

    /// Ends when Postgres has ended, without a call to stop it.
    pub async fn ended(&mut self) {
        loop {
            sleep(WATCH).await;
            let runs = match &mut self.source {
                Source::Started(guard) => matches!(guard.try_wait(), Ok(None)),
                Source::Found(_) => handshake(&self.socket_folder).await != Handshake::Nobody,
            };
            if !runs {
                return;
            }
        }
    }

    /// Stops it and waits until it is gone: open connections are cut, committed data is kept. One that
    /// ran before stays.
    pub async fn stop(self) {
        if let Source::Started(mut guard) = self.source {
            drop(guard.stdin.take());
            wait_for_exit(&mut guard).await;
        }
    }

    /// As [`Postgres::stop`], also one that ran before: for whoever knows that nobody else uses it.
    pub async fn stop_in_any_case(self) {
        let Source::Found(pid) = &self.source else {
            return self.stop().await;
        };
        let Some(pid) = *pid else { return };
        if kill_process(pid, Signal::INT).is_err() {
            return;
        }
        let gone = async {
            while handshake(&self.socket_folder).await != Handshake::Nobody {
                sleep(GLANCE).await;
            }
        };
        if tokio::time::timeout(STOP_TIME, gone).await.is_err() {
            tracing::warn!("the database takes long to stop and is left to itself");
        }
    }
}

async fn wait_for_exit(guard: &mut Child) {
    let deadline = Instant::now() + STOP_TIME;
    while Instant::now() < deadline {
        match guard.try_wait() {
            Ok(None) => sleep(GLANCE).await,
            Ok(Some(_)) => return,
            Err(error) => {
                tracing::warn!(%error, "cannot wait for the database's guard");
                return;
            }
        }
    }
    tracing::warn!("the database takes long to stop and is left to its guard");
}

async fn wait_for_lock(path: &Path) -> Result<std::fs::File, PostgresError> {
    let file = lock_file(path)?;
    while !try_lock(&file, path)? {
        sleep(GLANCE).await;
    }
    Ok(file)
}

/// Whether one runs already. One that is just starting or stopping is waited for.
async fn wait_for_older(cluster: &Cluster) -> bool {
    loop {
        match handshake(&cluster.socket_folder).await {
            Handshake::Ready => return true,
            Handshake::Nobody if cluster.running().is_none() => return false,
            Handshake::NotNow | Handshake::Nobody => sleep(GLANCE).await,
        }
    }
}

async fn launch(options: &Options, cluster: &Cluster) -> Result<Child, PostgresError> {
    let mut command = command(options, cluster)?;
    let mut guard = command.spawn().map_err(|source| PostgresError::Run {
        program: command.get_program().into(),
        source,
    })?;
    let log = cluster.read_log();
    // If we are dropped while waiting, the pipe closes with `guard` and Postgres stops again.
    loop {
        if handshake(&cluster.socket_folder).await == Handshake::Ready {
            return Ok(guard);
        }
        if !matches!(guard.try_wait(), Ok(None)) {
            return Err(PostgresError::Ended(log.map(tail).unwrap_or_default()));
        }
        sleep(GLANCE).await;
    }
}

fn command(options: &Options, cluster: &Cluster) -> Result<Command, PostgresError> {
    let thrown_away = options.durability == Durability::ThrownAway;
    let program = options.binaries.join("postgres");
    let remove = thrown_away.then_some(cluster.folder.as_path());
    let mut command = options.guard.command(&program, cluster.user, remove);
    let log = cluster.open_log()?;
    let errors = log.try_clone().map_err(|source| PostgresError::Run {
        program: program.clone(),
        source,
    })?;
    let mut sockets = std::ffi::OsString::from("unix_socket_directories=");
    sockets.push(&cluster.socket_folder);
    command
        .arg("-D")
        .arg(&cluster.data)
        .args(["-c", "listen_addresses=", "-c", "port=5432", "-c"])
        .arg(sockets)
        .args(
            settings(options.durability)
                .iter()
                .flat_map(|setting| ["-c", *setting]),
        )
        .env_clear()
        .env("TZ", "UTC")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .current_dir(&cluster.folder)
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(errors));
    Ok(command)
}

fn settings(durability: Durability) -> &'static [&'static str] {
    const KEPT: [&str; 6] = [
        "shared_buffers=128MB",
        "wal_level=minimal",
        "max_wal_senders=0",
        "log_checkpoints=off",
        "log_min_error_statement=panic",
        "max_connections=100",
    ];
    const THROWN_AWAY: [&str; 11] = [
        "shared_buffers=128MB",
        "wal_level=minimal",
        "max_wal_senders=0",
        "max_connections=200",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "autovacuum=off",
        "max_wal_size=1GB",
        "checkpoint_timeout=1h",
        "log_checkpoints=off",
    ];
    match durability {
        Durability::Kept => &KEPT,
        Durability::ThrownAway => &THROWN_AWAY,
    }
}
