use std::path::Path;

use axum::body::Bytes;
use futures_util::stream;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::ports::{MakePictureError, PictureMaker};
use sluicegate_picture::{CHILD_COMMAND, ChildLimits, ChildPictureMaker};

use super::{Finding, State};
use crate::places::data_folder;
use crate::program::own_file;
use crate::settings::Settings;

const PROBE: &[u8] = include_bytes!("probe.png");
const MIB: u64 = 1024 * 1024;
/// Below this, Postgres and the store may stop at any time.
const FREE_WRONG: u64 = 1024 * MIB;
const FREE_NOTED: u64 = 5 * 1024 * MIB;

/// Makes a picture in a child as jobs do: one that could not lock itself down makes none.
pub(super) async fn decoder() -> Finding {
    let place = format!("seccomp on {}", std::env::consts::ARCH);
    Finding::new("decoder's lock-down", place, decode().await)
}

async fn decode() -> State {
    let program = match own_file() {
        Ok(program) => program,
        Err(error) => return State::Wrong(format!("{error:#}"), "start the program by its path"),
    };
    let maker = ChildPictureMaker::new(program, [CHILD_COMMAND], ChildLimits::default(), 1);
    let source = Box::pin(stream::iter([Ok(Bytes::from_static(PROBE))]));
    match maker.make(source, Purpose::Avatar).await {
        Ok(_) => State::ok("ok, a picture was made in it"),
        Err(error @ MakePictureError::Refused(_)) => State::Wrong(
            error.to_string(),
            "let this program map 512 MiB and start children (ulimit -v, container limits)",
        ),
        Err(error @ MakePictureError::Port(_)) => State::Wrong(
            error.to_string(),
            "allow seccomp filters and no_new_privs (kernel, container's profile)",
        ),
    }
}

/// Room for the embedded services; others look after their own.
pub(super) fn disk(settings: &Settings) -> Option<Finding> {
    if settings.database.is_some() && settings.objects.is_some() {
        return None;
    }
    let folder = data_folder(settings).ok()?;
    // It is made at the first start; until then its parent's disk is what counts.
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    Some(Finding::new(
        "disk",
        folder.display().to_string(),
        room(there),
    ))
}

fn room(folder: &Path) -> State {
    match rustix::fs::statvfs(folder) {
        Ok(disk) => space(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => State::Wrong(error.to_string(), "check SLUICEGATE_DATA"),
    }
}

fn space(free: u64) -> State {
    let found = format!("{} MiB free", free / MIB);
    if free < FREE_WRONG {
        State::Wrong(found, "make room: docs/operations/disk-full.md")
    } else if free < FREE_NOTED {
        State::Note(found, "make room soon: docs/operations/disk-full.md")
    } else {
        State::ok(format!("ok, {found}"))
    }
}

pub(super) fn edge_key(settings: &Settings) -> Option<Finding> {
    settings.edge_key.is_none().then(|| {
        let found = "anybody who reaches the port counts as an edge; addresses are not known";
        let advice = "set EDGE_KEY here, and SPIN_VARIABLE_EDGE_KEY at each edge, to the same text";
        Finding::new("edge key", "-", State::Note(found.to_owned(), advice))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fills_is_told() {
        assert!(matches!(space(10 * FREE_NOTED), State::Ok(_)));
        assert!(matches!(space(FREE_NOTED - 1), State::Note(..)));
        assert!(matches!(space(7 * MIB), State::Wrong(found, _) if found.contains("7 MiB")));
    }
}
