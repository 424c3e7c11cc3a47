#![expect(clippy::unwrap_used, reason = "tests")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sluicegate_embedded::guard::Guard;
use sluicegate_embedded::postgres::{BinarySearch, Handshake, handshake};
use sluicegate_embedded::services::{
    AttachError, AttachOptions, Attached, FILE_NAME, RunError, RunOptions, Services,
    attach_or_start, end_of_input, read, run,
};
use time::macros::datetime;
use tokio::sync::oneshot;

use crate::waiting::until;

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(format!("/tmp/sluicegate-sv-{}-{name}", std::process::id()));
    // So that the database's user may pass.
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn run_options(folder: &Path) -> RunOptions {
    RunOptions {
        data_directory: folder.to_owned(),
        postgres: BinarySearch {
            chosen: std::env::var_os("SLUICEGATE_POSTGRES_BIN").map(PathBuf::from),
            ..BinarySearch::default()
        },
        cors_origins: Vec::new(),
        guard: Guard::Shell,
        version: "1.2.3".to_owned(),
        started_at: datetime!(2026-11-24 12:00 UTC),
    }
}

struct Running {
    services: Services,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), RunError>>,
}

async fn start(folder: &Path) -> Running {
    let options = run_options(folder);
    let (say, ready) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let shutdown = async { stopped.await.unwrap_or_default() };
        run(
            &options,
            |services| say.send(services.clone()).unwrap(),
            shutdown,
        )
        .await
    });
    Running {
        services: ready.await.unwrap(),
        stop,
        task,
    }
}

impl Running {
    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn one_owner_says_where_everything_is() {
    let folder = folder("owner");
    assert_eq!(read(&folder).await.unwrap(), None);
    let running = start(&folder).await;
    let services = running.services.clone();
    assert_eq!(read(&folder).await.unwrap().as_ref(), Some(&services));
    assert!(
        services.database_url.ends_with("/sluicegate"),
        "{}",
        services.database_url
    );
    assert!(services.s3_endpoint.starts_with("http://127.0.0.1:"));
    assert!(!format!("{services:?}").contains(&services.s3_secret_access_key));
    let file = std::fs::metadata(folder.join(FILE_NAME)).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);

    let second = run(&run_options(&folder), |_| (), std::future::pending()).await;
    assert!(matches!(second, Err(RunError::Owned(_))), "{second:?}");
    assert_eq!(read(&folder).await.unwrap().as_ref(), Some(&services));

    running.stop().await;
    assert!(!folder.join(FILE_NAME).exists());
    assert_eq!(read(&folder).await.unwrap(), None);
    assert_eq!(
        handshake(&services.postgres_socket_folder).await,
        Handshake::Nobody
    );

    let again = start(&folder).await;
    assert_eq!(
        again.services, services,
        "nothing moves from one owner to the next"
    );
    again.stop().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_stale_file_is_cleared() {
    let folder = folder("file");
    let path = folder.join(FILE_NAME);
    std::fs::write(&path, "{\"pid\": 1}").unwrap();
    assert_eq!(read(&folder).await.unwrap(), None);
    assert!(!path.exists());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn the_end_of_the_database_ends_the_services() {
    let folder = folder("db-ends");
    let running = start(&folder).await;
    let note = std::fs::read_to_string(folder.join("postgres/data/postmaster.pid")).unwrap();
    let pid = note.lines().next().unwrap().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = running.task.await.unwrap();
    assert!(
        matches!(ended, Err(RunError::PostgresEnded(_))),
        "{ended:?}"
    );
    assert!(!folder.join(FILE_NAME).exists());
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A program that serves until its stdin ends: this binary, by way of a shell.
fn program(folder: &Path) -> PathBuf {
    let path = folder.join("program");
    let this = std::env::current_exe().unwrap();
    let script = format!(
        "#!/bin/sh\nexec '{}' --exact services::helper_that_serves --ignored --nocapture\n",
        this.display()
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
#[ignore = "run by those that attach"]
async fn helper_that_serves() {
    let folder = PathBuf::from(std::env::var_os("SLUICEGATE_DATA").unwrap());
    run(&run_options(&folder), |_| (), end_of_input())
        .await
        .unwrap();
}

async fn attach(folder: &Path, program: &Path) -> Result<Attached, AttachError> {
    attach_or_start(&AttachOptions {
        data_directory: folder.to_owned(),
        program: program.to_owned(),
        patience: Duration::from_mins(1),
    })
    .await
}

#[tokio::test]
async fn the_first_starts_them_and_others_use_them() {
    let folder = folder("attach");
    let program = program(&folder);
    let first = attach(&folder, &program).await.unwrap();
    assert!(first.is_ours());
    let second = attach(&folder, &program).await.unwrap();
    assert!(!second.is_ours());
    assert_eq!(first.services, second.services);
    second.stop().await;
    assert!(read(&folder).await.unwrap().is_some());

    let socket_folder = first.services.postgres_socket_folder.clone();
    drop(first);
    until("the services are gone with their parent", async || {
        !folder.join(FILE_NAME).exists() && handshake(&socket_folder).await == Handshake::Nobody
    })
    .await;
    until("their lock is free", async || {
        matches!(
            attach(&folder, Path::new("/bin/false")).await,
            Err(AttachError::Ended(_))
        )
    })
    .await;
    std::fs::remove_dir_all(&folder).unwrap();
}

fn postmaster(folder: &Path) -> rustix::process::Pid {
    let note = std::fs::read_to_string(folder.join("postgres/data/postmaster.pid")).unwrap();
    let pid = note.lines().next().unwrap().parse().unwrap();
    rustix::process::Pid::from_raw(pid).unwrap()
}

#[tokio::test]
async fn slow_services_are_not_gone() {
    use rustix::process::{Signal, kill_process};

    let folder = folder("slow");
    let program = program(&folder);
    let mut ours = attach(&folder, &program).await.unwrap();
    let mut theirs = attach(&folder, &program).await.unwrap();
    kill_process(postmaster(&folder), Signal::STOP).unwrap();
    assert_eq!(read(&folder).await.unwrap(), None, "it does not answer");
    assert!(!ours.is_gone(&folder).unwrap());
    assert!(!theirs.is_gone(&folder).unwrap());
    kill_process(postmaster(&folder), Signal::CONT).unwrap();
    until("they answer again", async || {
        read(&folder).await.unwrap().as_ref() == Some(&ours.services)
    })
    .await;

    let pid = i32::try_from(ours.services.pid).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    until("both see that they are gone", async || {
        ours.is_gone(&folder).unwrap() && theirs.is_gone(&folder).unwrap()
    })
    .await;
    let socket_folder = ours.services.postgres_socket_folder.clone();
    ours.stop().await;
    until("the database has followed", async || {
        handshake(&socket_folder).await == Handshake::Nobody
    })
    .await;
    until("it was shut down cleanly", async || {
        !folder.join("postgres/data/postmaster.pid").exists()
    })
    .await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_killed_owner_is_replaced() {
    let folder = folder("killed");
    let program = program(&folder);
    let first = attach(&folder, &program).await.unwrap();
    let pid = i32::try_from(first.services.pid).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let old = first.services.clone();
    first.stop().await;
    assert_eq!(read(&folder).await.unwrap(), None);
    let second = attach(&folder, &program).await.unwrap();
    assert!(second.is_ours());
    assert_eq!(second.services.database_url, old.database_url);
    assert_eq!(second.services.s3_endpoint, old.s3_endpoint);
    second.stop().await;
    assert!(!folder.join(FILE_NAME).exists());
    std::fs::remove_dir_all(&folder).unwrap();
}
