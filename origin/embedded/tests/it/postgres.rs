#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sluicegate_embedded::guard::Guard;
use sluicegate_embedded::postgres::{
    BinarySearch, Durability, Handshake, Options, Postgres, PostgresError, find_binaries,
    handshake, throw_away,
};

use crate::waiting::until;

fn search() -> BinarySearch {
    BinarySearch {
        chosen: std::env::var_os("SLUICEGATE_POSTGRES_BIN").map(PathBuf::from),
        ..BinarySearch::default()
    }
}

fn options(name: &str) -> Options {
    let folder = PathBuf::from(format!("/tmp/sluicegate-it-{}-{name}", std::process::id()));
    Options {
        binaries: find_binaries(&search()).unwrap(),
        folder,
        durability: Durability::Kept,
        guard: Guard::Shell,
        patience: Duration::from_mins(1),
    }
}

async fn nobody_answers(socket_folder: &Path) -> bool {
    handshake(socket_folder).await == Handshake::Nobody
}

#[tokio::test]
async fn a_thrown_away_one_answers_and_leaves_nothing() {
    let postgres = throw_away(&search()).await.unwrap();
    let socket_folder = postgres.socket_folder().to_owned();
    assert_eq!(handshake(&socket_folder).await, Handshake::Ready);
    assert!(socket_folder.join(".s.PGSQL.5432").as_os_str().len() <= 107);
    let url = postgres.url("some name");
    assert!(
        url.starts_with("postgres://sluicegate:") && url.ends_with("/some%20name"),
        "{url}"
    );
    assert!(url.contains("@%2F"), "the host is an encoded path: {url}");
    postgres.stop().await;
    until("the folder is gone", async || {
        !socket_folder.parent().unwrap().exists()
    })
    .await;
}

#[tokio::test]
async fn one_that_runs_is_used_again_and_the_data_is_kept() {
    let options = options("again");
    let first = Postgres::start(&options).await.unwrap();
    assert!(!first.was_running());
    let second = Postgres::start(&options).await.unwrap();
    assert!(second.was_running());
    assert_eq!(first.url("postgres"), second.url("postgres"));
    second.stop().await;
    assert_eq!(handshake(first.socket_folder()).await, Handshake::Ready);
    first.stop().await;

    let made = std::fs::metadata(options.folder.join("data/PG_VERSION")).unwrap();
    let third = Postgres::start(&options).await.unwrap();
    assert!(!third.was_running());
    let again = std::fs::metadata(options.folder.join("data/PG_VERSION")).unwrap();
    assert_eq!(made.modified().unwrap(), again.modified().unwrap());
    third.stop().await;
    std::fs::remove_dir_all(&options.folder).unwrap();
}

#[tokio::test]
async fn several_at_once_end_with_the_same_one() {
    let options = options("race");
    let (a, b) = tokio::join!(Postgres::start(&options), Postgres::start(&options));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_ne!(a.was_running(), b.was_running());
    let socket_folder = a.socket_folder().to_owned();
    drop((a, b));
    until("it is stopped by the drop", async || {
        nobody_answers(&socket_folder).await
    })
    .await;
    until("it has left its folder", async || {
        !options.folder.join("data/postmaster.pid").exists()
    })
    .await;
    std::fs::remove_dir_all(&options.folder).unwrap();
}

#[tokio::test]
async fn a_stale_note_of_another_process_is_recognised() {
    let options = options("stale");
    Postgres::start(&options).await.unwrap().stop().await;
    let mut note = std::fs::File::create(options.folder.join("data/postmaster.pid")).unwrap();
    writeln!(
        note,
        "{}\n/nowhere\n0\n5432\n/tmp\n\n0 0\nready",
        std::process::id()
    )
    .unwrap();
    let postgres = Postgres::start(&options).await.unwrap();
    assert_eq!(handshake(postgres.socket_folder()).await, Handshake::Ready);
    postgres.stop().await;
    std::fs::remove_dir_all(&options.folder).unwrap();
}

#[tokio::test]
async fn a_long_path_gets_a_short_socket() {
    let mut options = options("long");
    let parent = options.folder.clone();
    options.folder = parent.join("a-long-name-".repeat(10));
    let postgres = Postgres::start(&options).await.unwrap();
    let socket_folder = postgres.socket_folder().to_owned();
    assert!(socket_folder.as_os_str().len() < 60);
    postgres.stop().await;
    std::fs::remove_dir_all(&parent).unwrap();
    std::fs::remove_dir_all(&socket_folder).unwrap();
}

#[tokio::test]
async fn a_failing_one_says_why() {
    let options = options("fails");
    Postgres::start(&options).await.unwrap().stop().await;
    std::fs::write(
        options.folder.join("data/postgresql.conf"),
        "no_such_setting = 1\n",
    )
    .unwrap();
    let error = Postgres::start(&options).await.unwrap_err();
    assert!(error.to_string().contains("no_such_setting"), "{error}");
    std::fs::remove_dir_all(&options.folder).unwrap();
}

#[test]
fn a_folder_without_programs_is_refused() {
    let search = BinarySearch {
        chosen: Some("/nowhere".into()),
        ..BinarySearch::default()
    };
    assert!(matches!(
        find_binaries(&search),
        Err(PostgresError::NotThere(_))
    ));
}

/// The child starts a Postgres and is killed with SIGKILL.
#[tokio::test]
async fn our_death_stops_it() {
    let options = options("death");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "postgres::helper_that_waits_for_its_death",
            "--ignored",
            "--nocapture",
        ])
        .env("SLUICEGATE_IT_FOLDER", &options.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let socket_folder = options.folder.join("run");
    until("it answers", async || {
        handshake(&socket_folder).await == Handshake::Ready
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    until("it is stopped", async || {
        nobody_answers(&socket_folder).await
    })
    .await;
    until("it was shut down cleanly", async || {
        !options.folder.join("data/postmaster.pid").exists()
    })
    .await;
    std::fs::remove_dir_all(&options.folder).unwrap();
}

#[tokio::test]
#[ignore = "run by our_death_stops_it"]
async fn helper_that_waits_for_its_death() {
    let mut options = options("helper");
    options.folder = std::env::var_os("SLUICEGATE_IT_FOLDER").unwrap().into();
    let _postgres = Postgres::start(&options).await.unwrap();
    let mut never = String::new();
    std::io::stdin().read_line(&mut never).unwrap();
}
