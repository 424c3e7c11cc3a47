//! The folder of a Postgres: its files, its password, and how it is made.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::{Durability, Options, PostgresError, USER};
use crate::account::{self, Account};
use crate::files::{FileError, private_folder, write_private};

/// A log that has grown beyond this is put aside at the next start.
const LOG_BYTES: u64 = 8 * 1024 * 1024;
const TAIL_BYTES: u64 = 1_000;
/// `sun_path` holds 107 bytes and a zero; `/.s.PGSQL.5432` takes 14 of them, its lock file 5 more.
const SOCKET_FOLDER_BYTES: usize = 107 - 14 - 5;

pub(super) struct Cluster {
    pub(super) folder: PathBuf,
    pub(super) data: PathBuf,
    pub(super) socket_folder: PathBuf,
    pub(super) password: String,
    pub(super) user: Option<Account>,
}

impl Cluster {
    /// Makes the folder and its password. The data comes with [`Cluster::init`].
    pub(super) fn prepare(options: &Options) -> Result<Self, PostgresError> {
        let user = account::to_drop_to();
        private_folder(&options.folder)?;
        let folder = options
            .folder
            .canonicalize()
            .map_err(FileError::wrap("find", &options.folder))?;
        if let Some(closed) = user.and_then(|user| account::closed_folder(user, &folder)) {
            return Err(PostgresError::Closed(closed));
        }
        give(user, &folder)?;
        let socket_folder = socket_folder(&folder, user)?;
        let password = password(&folder, user)?;
        Ok(Self {
            data: folder.join("data"),
            folder,
            socket_folder,
            password,
            user,
        })
    }

    pub(super) fn is_made(&self) -> bool {
        self.data.join("PG_VERSION").is_file()
    }

    /// Runs `initdb` aside and puts the result in its place, so that a half-made one is never used.
    pub(super) async fn init(&self, options: &Options) -> Result<(), PostgresError> {
        let aside = self.folder.join("data.new");
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(FileError::wrap("remove", &aside))?;
        }
        let program = options.binaries.join("initdb");
        let mut command = Command::new(&program);
        command
            .arg("-D")
            .arg(&aside)
            .args([
                "-U",
                USER,
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--auth=scram-sha-256",
            ])
            .arg(format!("--pwfile={}", self.password_file().display()))
            .env_clear()
            .env("TZ", "UTC")
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if options.durability == Durability::ThrownAway {
            command.arg("--no-sync");
        }
        if let Some(user) = self.user {
            command.gid(user.gid).uid(user.uid);
        }
        let output = command
            .output()
            .await
            .map_err(|source| PostgresError::Run { program, source })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(PostgresError::Init(said.trim().to_owned()));
        }
        fs::rename(&aside, &self.data).map_err(FileError::wrap("rename to", &self.data))?;
        Ok(())
    }

    fn password_file(&self) -> PathBuf {
        self.folder.join("password")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub(super) fn open_log(&self) -> Result<File, FileError> {
        let path = self.log_file();
        if fs::metadata(&path).is_ok_and(|log| log.len() > LOG_BYTES) {
            let old = self.folder.join("log.old");
            fs::rename(&path, &old).map_err(FileError::wrap("rename to", &old))?;
        }
        let log = OpenOptions::new().create(true).append(true).open(&path);
        log.map_err(FileError::wrap("open", &path))
    }

    /// For [`tail`]: the guard of a thrown-away one removes the file's name.
    pub(super) fn read_log(&self) -> Option<File> {
        File::open(self.log_file()).ok()
    }

    /// What Postgres said last.
    pub(super) fn log_tail(&self) -> String {
        self.read_log().map(tail).unwrap_or_default()
    }

    /// The process that says it runs on this data, if there is one and it is a Postgres. A note of a
    /// process that is gone, or whose number somebody else has by now, is removed: Postgres would
    /// believe the latter.
    pub(super) fn running(&self) -> Option<rustix::process::Pid> {
        let note = self.data.join("postmaster.pid");
        let text = fs::read_to_string(&note).ok()?;
        let number: i32 = text.lines().next()?.trim().parse().ok()?;
        let pid = rustix::process::Pid::from_raw(number)?;
        if rustix::process::test_kill_process(pid).is_ok() && is_postgres(number) {
            return Some(pid);
        }
        // If it cannot be removed, Postgres still makes up its own mind.
        let _ = fs::remove_file(&note);
        None
    }
}

/// The end of a log.
pub(super) fn tail(mut file: File) -> String {
    let mut read = || -> std::io::Result<String> {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut tail = Vec::new();
        (&mut file).take(TAIL_BYTES).read_to_end(&mut tail)?;
        Ok(String::from_utf8_lossy(&tail).trim().to_owned())
    };
    read().unwrap_or_default()
}

/// Where `/proc` does not tell, it is taken for one.
fn is_postgres(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).map_or(true, |name| name.contains("postgres"))
}

fn give(user: Option<Account>, path: &Path) -> Result<(), FileError> {
    let Some(user) = user else { return Ok(()) };
    chown(path, Some(user.uid), Some(user.gid))
        .map_err(FileError::wrap("change the owner of", path))
}

/// In the folder itself if the path is short enough for a socket, else one in `/tmp` with a name that
/// follows from the path, so that whoever uses the folder finds the same.
fn socket_folder(folder: &Path, user: Option<Account>) -> Result<PathBuf, PostgresError> {
    let inside = folder.join("run");
    let chosen = if inside.as_os_str().len() <= SOCKET_FOLDER_BYTES {
        inside
    } else {
        PathBuf::from(format!("/tmp/sluicegate-{:016x}", fnv1a(folder)))
    };
    if let Ok(there) = fs::symlink_metadata(&chosen) {
        let owner = user.map_or_else(|| rustix::process::geteuid().as_raw(), |user| user.uid);
        let root = rustix::process::geteuid().is_root() && there.uid() == 0;
        if !there.is_dir() || (there.uid() != owner && !root) {
            return Err(PostgresError::Taken(chosen));
        }
    }
    private_folder(&chosen)?;
    give(user, &chosen)?;
    Ok(chosen)
}

/// A hash that is the same in every build; it only keeps names apart.
fn fnv1a(path: &Path) -> u64 {
    path.as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

fn password(folder: &Path, user: Option<Account>) -> Result<String, PostgresError> {
    let path = folder.join("password");
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(FileError::new("read", &path, source).into());
        }
        _ => {}
    }
    let password = crate::files::secret(24)?;
    write_private(&path, password.as_bytes())?;
    give(user, &path)?;
    Ok(password)
}
