//! The guard as a program of its own, as `sluicegate-origin guard` runs it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sluicegate_embedded::guard::{self, Guard};
use sluicegate_embedded::postgres::{
    BinarySearch, Durability, Handshake, Options, Postgres, find_binaries, handshake,
};

use crate::waiting::until;

/// A program that is a guard: this binary, by way of a shell that hands the arguments over.
fn program(folder: &Path) -> PathBuf {
    let path = folder.join("program");
    let script = format!(
        "#!/bin/sh\ntest \"$1\" = guard || exit 64\nshift\nIFS='\n'\n\
         SLUICEGATE_IT_GUARD=\"$*\" exec '{}' --exact guard::helper_that_guards --ignored --nocapture\n",
        std::env::current_exe().unwrap().display()
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
#[ignore = "run by those that test the guard"]
fn helper_that_guards() {
    let arguments = std::env::var("SLUICEGATE_IT_GUARD").unwrap();
    guard::main(arguments.split('\n').map(OsString::from));
}

fn options(folder: &Path, durability: Durability) -> Options {
    let chosen = std::env::var_os("SLUICEGATE_POSTGRES_BIN").map(PathBuf::from);
    Options {
        binaries: find_binaries(&BinarySearch {
            chosen,
            ..BinarySearch::default()
        })
        .unwrap(),
        folder: folder.join("postgres"),
        durability,
        guard: Guard::Program(program(folder)),
        patience: Duration::from_mins(1),
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(format!("/tmp/sluicegate-gd-{}-{name}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[tokio::test]
async fn postgres_below_it_stops_when_we_let_go_and_never_is_root() {
    let folder = folder("stops");
    let postgres = Postgres::start(&options(&folder, Durability::Kept))
        .await
        .unwrap();
    let note = folder.join("postgres/data/postmaster.pid");
    assert_ne!(std::fs::metadata(&note).unwrap().uid(), 0);
    let socket_folder = postgres.socket_folder().to_owned();
    drop(postgres);
    until("it is stopped", async || {
        handshake(&socket_folder).await == Handshake::Nobody
    })
    .await;
    until("it was shut down cleanly", async || !note.exists()).await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_signal_to_every_process_does_not_stop_it() {
    let folder = folder("signals");
    let mut postgres = Postgres::start(&options(&folder, Durability::Kept))
        .await
        .unwrap();
    let note = folder.join("postgres/data/postmaster.pid");
    let text = std::fs::read_to_string(&note).unwrap();
    let status = format!("/proc/{}/status", text.lines().next().unwrap());
    let status = std::fs::read_to_string(status).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    let guard = rustix::process::Pid::from_raw(parent.unwrap().trim().parse().unwrap()).unwrap();
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        rustix::process::kill_process(guard, signal).unwrap();
    }
    // Whoever dies of a signal does so long before this.
    let ended = tokio::time::timeout(Duration::from_secs(2), postgres.ended()).await;
    assert!(ended.is_err(), "the guard has ended");
    assert_eq!(handshake(postgres.socket_folder()).await, Handshake::Ready);
    postgres.stop().await;
    assert!(!note.exists());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn the_folder_of_a_thrown_away_one_goes_with_it() {
    let folder = folder("removes");
    let postgres = Postgres::start(&options(&folder, Durability::ThrownAway))
        .await
        .unwrap();
    postgres.stop().await;
    assert!(!folder.join("postgres").exists());
    std::fs::remove_dir_all(&folder).unwrap();
}
