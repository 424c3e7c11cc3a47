//! Small steps on files whose errors name the path.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Something on the disk could not be done.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn wrap<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |source| Self::new(action, path, source)
    }
}

/// Makes a folder and those above it, readable by nobody else.
pub(crate) fn private_folder(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(FileError::wrap("create", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
        .map_err(FileError::wrap("protect", path))
}

/// Writes a file that nobody else can read, whole or not at all.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let temporary = path.with_extension("new");
    match fs::remove_file(&temporary) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(FileError::new("remove", &temporary, source));
        }
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(FileError::wrap("create", &temporary))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(FileError::wrap("write", &temporary))?;
    fs::rename(&temporary, path).map_err(FileError::wrap("rename to", path))
}

/// Opens a file for locking.
pub(crate) fn lock_file(path: &Path) -> Result<File, FileError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(FileError::wrap("open", path))
}

/// Tries to get the lock of a file that [`lock_file`] opened. It ends with the file.
pub(crate) fn try_lock(file: &File, path: &Path) -> Result<bool, FileError> {
    use rustix::fs::{FlockOperation, flock};
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(FileError::new("lock", path, errno.into())),
    }
}

/// So many random bytes, in hex.
#[expect(
    clippy::disallowed_methods,
    reason = "this crate stands below the one that passes randomness in"
)]
pub(crate) fn secret(bytes: usize) -> Result<String, FileError> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).map_err(|error| {
        FileError::new(
            "get randomness from",
            Path::new("the system"),
            io::Error::other(error.to_string()),
        )
    })?;
    Ok(hex::encode(buffer))
}
