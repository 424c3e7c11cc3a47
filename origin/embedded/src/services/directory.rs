use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::files::FileError;

/// There is no place for the data.
#[derive(Debug, thiserror::Error)]
#[error("there is no home directory to keep data in: set SLUICEGATE_DATA")]
pub struct NoDataDirectory;

/// Where the data is kept: the chosen folder (`SLUICEGATE_DATA`), else `/var/lib/sluicegate` for root,
/// whose home is closed to the database's user, else the user's data directory by the XDG rules. `variable` looks up an
/// environment variable.
pub fn data_directory(
    chosen: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, NoDataDirectory> {
    let folder = |name: &str| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    if let Some(chosen) = chosen {
        return std::path::absolute(chosen).map_err(|_| NoDataDirectory);
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/sluicegate"));
    }
    folder("XDG_DATA_HOME")
        .or_else(|| Some(folder("HOME")?.join(".local/share")))
        .map(|parent| parent.join("sluicegate"))
        .ok_or(NoDataDirectory)
}

/// Makes the data directory if it is not there. Root's may be passed by everybody, for the database
/// runs as another user; what is in it is private.
pub fn prepare_data_directory(folder: &Path) -> Result<(), FileError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(FileError::wrap("create", parent))?;
    }
    let mode = if rustix::process::geteuid().is_root() {
        0o711
    } else {
        0o700
    };
    match DirBuilder::new().mode(mode).create(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(FileError::new("create", folder, source))
        }
        _ => Ok(()),
    }
}
