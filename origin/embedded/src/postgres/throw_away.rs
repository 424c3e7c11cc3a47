use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{BinarySearch, Durability, Options, Postgres, PostgresError, find_binaries};
use crate::files::{FileError, secret};
use crate::guard::Guard;

/// What a folder in memory must have free to be used.
const ENOUGH_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Starts a Postgres for tests in a temporary folder, in memory where there is room. Both go away with
/// the returned value or the process.
pub async fn throw_away(search: &BinarySearch) -> Result<Postgres, PostgresError> {
    let binaries = find_binaries(search)?;
    let folder = parent().join(format!("sluicegate-test-{}", secret(8)?));
    std::fs::create_dir(&folder).map_err(FileError::wrap("create", &folder))?;
    let options = Options {
        binaries,
        folder: folder.clone(),
        durability: Durability::ThrownAway,
        guard: Guard::Shell,
        patience: Duration::from_mins(1),
    };
    let started = Postgres::start(&options).await;
    if started.is_err() {
        // The guard, where there was one, removes it too.
        let _ = std::fs::remove_dir_all(&folder);
    }
    started
}

fn parent() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let has_room = rustix::fs::statvfs(memory)
        .is_ok_and(|of| of.f_bavail.saturating_mul(of.f_frsize) > ENOUGH_BYTES);
    let writable = rustix::fs::access(memory, rustix::fs::Access::WRITE_OK).is_ok();
    PathBuf::from(if has_room && writable {
        "/dev/shm"
    } else {
        "/tmp"
    })
}
