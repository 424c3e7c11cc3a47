//! The folder of a Postgres: its files, its password, and how it is made.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown, lchown};
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
    lchown(path, Some(user.uid), Some(user.gid))
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
    own_folder(&chosen, user)?;
    Ok(chosen)
}

/// Makes a folder that is the database's alone, in a place where others may make things too. It is opened
/// once, without following a link, and judged, closed to others and given away as that open folder: what
/// somebody puts in its place meanwhile is never touched.
fn own_folder(path: &Path, user: Option<Account>) -> Result<(), PostgresError> {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::io::Errno;

    match DirBuilder::new().mode(0o700).create(path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            return Err(FileError::new("create", path, source).into());
        }
        _ => {}
    }
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = match open(path, how, Mode::empty()) {
        Ok(folder) => File::from(folder),
        // A link, a file, or closed to us.
        Err(Errno::LOOP | Errno::NOTDIR | Errno::ACCESS) => {
            return Err(PostgresError::Taken(path.to_owned()));
        }
        Err(errno) => return Err(FileError::new("open", path, errno.into()).into()),
    };
    let us = rustix::process::geteuid().as_raw();
    let owner = folder
        .metadata()
        .map_err(FileError::wrap("look at", path))?
        .uid();
    if owner != us && Some(owner) != user.map(|user| user.uid) {
        return Err(PostgresError::Taken(path.to_owned()));
    }
    folder
        .set_permissions(fs::Permissions::from_mode(0o700))
        .map_err(FileError::wrap("protect", path))?;
    if let Some(user) = user {
        fchown(&folder, Some(user.uid), Some(user.gid))
            .map_err(FileError::wrap("change the owner of", path))?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_place_of_the_folder_is_refused_and_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("target");
        fs::create_dir(&target).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755)).unwrap();
        let before = fs::metadata(&target).unwrap();
        let link = place.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [&link, &file] {
            let refused = own_folder(path, account::to_drop_to());
            assert!(
                matches!(refused, Err(PostgresError::Taken(_))),
                "{refused:?}"
            );
        }
        let after = fs::metadata(&target).unwrap();
        assert_eq!((before.uid(), before.mode()), (after.uid(), after.mode()));
    }

    #[test]
    fn our_folder_is_made_and_found_again() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("run");
        let user = account::to_drop_to();
        let owner = user.map_or_else(|| rustix::process::geteuid().as_raw(), |user| user.uid);
        for _ in 0..2 {
            own_folder(&folder, user).unwrap();
            let made = fs::metadata(&folder).unwrap();
            assert_eq!((made.uid(), made.mode() & 0o777), (owner, 0o700));
        }
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("run");
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::chown(&folder, Some(4_321), None).unwrap();
        let refused = own_folder(&folder, account::to_drop_to());
        assert!(
            matches!(refused, Err(PostgresError::Taken(_))),
            "{refused:?}"
        );
        assert_eq!(fs::metadata(&folder).unwrap().uid(), 4_321);
    }
}
