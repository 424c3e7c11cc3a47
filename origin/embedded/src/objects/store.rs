//! The folder: where objects lie, and how they get there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use hyper::StatusCode;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use tokio::task::spawn_blocking;

use super::attributes::{Attributes, Opened, open};
use super::names::{self, file_name};
use crate::files::{FileError, private_folder, secret};

const TEMPORARY: &str = ".tmp-";

/// The root of all buckets.
#[derive(Debug, Clone)]
pub(super) struct Store {
    root: PathBuf,
}

/// What to do where an object is already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    Replace,
    Keep,
}

impl Store {
    /// Opens a root, making it if it is not there, and removes what uploads left that were cut by our end.
    pub(super) fn open(root: &Path) -> Result<Self, FileError> {
        private_folder(root)?;
        let entries = fs::read_dir(root).map_err(FileError::wrap("list", root))?;
        for bucket in entries.flatten().filter(|entry| entry.path().is_dir()) {
            sweep(&bucket.path())?;
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The folder of a bucket, whose name the library has checked.
    pub(super) fn bucket(&self, name: &str) -> S3Result<PathBuf> {
        let folder = self.root.join(name);
        if folder.is_dir() {
            Ok(folder)
        } else {
            Err(s3_error!(NoSuchBucket))
        }
    }

    /// Makes a bucket; `false` if it is there.
    pub(super) fn create_bucket(&self, name: &str) -> S3Result<bool> {
        match fs::create_dir(self.root.join(name)).and_then(|()| sync_folder(&self.root)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(internal(error)),
        }
    }

    pub(super) fn object(&self, bucket: &str, key: &str) -> S3Result<PathBuf> {
        Ok(self.bucket(bucket)?.join(file_name(key)?))
    }

    pub(super) async fn read(&self, bucket: &str, key: &str) -> S3Result<Opened> {
        let path = self.object(bucket, key)?;
        blocking(move || match File::open(&path).and_then(open) {
            Ok(opened) => Ok(opened),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(s3_error!(NoSuchKey)),
            Err(error) => Err(internal(error)),
        })
        .await
    }

    pub(super) async fn delete(&self, bucket: &str, key: &str) -> S3Result<()> {
        let folder = self.bucket(bucket)?;
        let path = folder.join(file_name(key)?);
        blocking(
            move || match fs::remove_file(path).and_then(|()| sync_folder(&folder)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(internal(error)),
                _ => Ok(()),
            },
        )
        .await
    }
}

/// A file that is to become an object. Dropped before [`Temporary::publish`], it is gone.
#[derive(Debug)]
pub(super) struct Temporary {
    folder: PathBuf,
    path: PathBuf,
}

impl Temporary {
    pub(super) fn create(folder: &Path) -> S3Result<(Self, File)> {
        let path = folder.join(format!("{TEMPORARY}{}", secret(12).map_err(internal)?));
        let file = File::create_new(&path).map_err(disk)?;
        Ok((
            Self {
                folder: folder.to_owned(),
                path,
            },
            file,
        ))
    }

    /// Writes the attributes behind the bytes and puts the file in its place, durably.
    pub(super) fn publish(
        self,
        mut file: File,
        key: &str,
        attributes: &Attributes,
        existing: Existing,
    ) -> S3Result<()> {
        use std::io::Write;
        let target = self.folder.join(file_name(key)?);
        let tail = attributes.to_tail().map_err(internal)?;
        file.write_all(&tail)
            .and_then(|()| file.sync_all())
            .map_err(disk)?;
        let placed = match existing {
            Existing::Replace => fs::rename(&self.path, &target),
            Existing::Keep => fs::hard_link(&self.path, &target),
        };
        match placed.and_then(|()| sync_folder(&self.folder)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists()),
            Err(error) => Err(disk(error)),
            Ok(()) => Ok(()),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename it is not there any more; otherwise the sweep at the next start gets it.
        let _ = fs::remove_file(&self.path);
    }
}

pub(super) fn exists() -> S3Error {
    s3_error!(PreconditionFailed, "the object exists")
}

pub(super) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> S3Error {
    s3_error!(error, InternalError)
}

/// What the disk refused. That it is full is said in a way of its own: nothing is wrong with the request, and
/// there may be room later. S3 has no code for that; status and name are `MinIO`'s.
pub(super) fn disk(error: io::Error) -> S3Error {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    if !matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
        return internal(error);
    }
    tracing::error!(%error, "the disk of the object store is full");
    let code = S3ErrorCode::Custom("XMinioStorageFull".into());
    let mut full = S3Error::with_message(code, "there is no room for the object");
    full.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
    full
}

/// Runs what waits for the disk on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> S3Result<T> + Send + 'static,
) -> S3Result<T> {
    spawn_blocking(work).await.map_err(internal)?
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn sweep(bucket: &Path) -> Result<(), FileError> {
    let entries = fs::read_dir(bucket).map_err(FileError::wrap("list", bucket))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            let path = entry.path();
            fs::remove_file(&path).map_err(FileError::wrap("remove", &path))?;
        }
    }
    Ok(())
}

/// The keys in a bucket, in no order.
pub(super) fn keys(bucket: &Path) -> io::Result<impl Iterator<Item = String>> {
    Ok(fs::read_dir(bucket)?
        .flatten()
        .filter_map(|entry| names::key(entry.file_name().to_str()?)))
}
