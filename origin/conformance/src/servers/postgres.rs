#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sluicegate_embedded::postgres::{BinarySearch, find_binaries};
use sluicegate_postgres::maintenance::database_exists;

use super::child::{Place, Running, wait_until};
use super::database::tell_database;
use super::port::Port;

/// Not the name that operators give the database's owner: `deploy/postgres-role` makes that one.
const USER: &str = "superuser";
const PASSWORD: &str = "of-a-test";
/// Nothing is synced: it is thrown away. A replica that was stopped must find what it missed.
const SETTINGS: &str = "listen_addresses='127.0.0.1'\nunix_socket_directories=''\nmax_connections=200\n\
    shared_buffers=32MB\nfsync=off\nfull_page_writes=off\nautovacuum=off\nwal_level=replica\nwal_keep_size=256MB\n\
    hot_standby=on\n";

/// A Postgres on a port of loopback, a primary or a replica that streams from one. It ends with this value.
pub struct PostgresServer {
    place: Place,
    binaries: PathBuf,
    port: Port,
    running: Option<Running>,
}

impl PostgresServer {
    /// A primary and a replica of it, both with nothing in them.
    ///
    /// # Panics
    /// If there is no Postgres, or one of them does not start.
    pub async fn replicated() -> (Self, Self) {
        let (primary, [replica]) = Self::with_replicas().await;
        (primary, replica)
    }

    /// A primary and so many replicas of it, all with nothing in them.
    ///
    /// # Panics
    /// If there is no Postgres, or one of them does not start.
    pub async fn with_replicas<const COUNT: usize>() -> (Self, [Self; COUNT]) {
        let mut primary = Self::make();
        // Before its first start: all begin with the same files, and all that comes is streamed.
        let mut replicas = std::array::from_fn(|_| primary.copy());
        primary.start().await;
        for replica in &mut replicas {
            replica.follow(&primary).await;
        }
        (primary, replicas)
    }

    /// Stops it, and starts it as a replica of that one.
    ///
    /// # Panics
    /// If it does not.
    pub async fn follow(&mut self, primary: &Self) {
        self.kill().await;
        let conninfo = format!(
            "primary_conninfo='host=127.0.0.1 port={} user={USER} password={PASSWORD} application_name=replica'\n",
            primary.port.number()
        );
        self.add_settings(&conninfo);
        let signal = self.data().join("standby.signal");
        fs::write(&signal, "").expect("can be written");
        self.place.give(&signal);
        self.start().await;
    }

    /// A Postgres alone.
    ///
    /// # Panics
    /// If there is none, or it does not start.
    pub async fn alone() -> Self {
        let mut server = Self::make();
        server.start().await;
        server
    }

    /// The superuser's URL of one of its databases, `postgres` among them.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}?sslmode=disable",
            self.port.number()
        )
    }

    /// As it calls itself: `Postgres 15.18`.
    ///
    /// # Panics
    /// If it does not say.
    pub fn version(&self) -> String {
        let mut said = Command::new(self.binaries.join("postgres"));
        let said = said.arg("--version").output();
        // postgres (PostgreSQL) 15.18 (Debian …)
        let said = said.expect("it tells its version").stdout;
        let said = String::from_utf8_lossy(&said);
        let number = said.split_whitespace().nth(2);
        format!("Postgres {}", number.unwrap_or("of an unknown version"))
    }

    /// Runs a script as the image of Postgres does while it makes its database, with these settings beside the usual ones:
    /// `None`, if there is no `psql` for it.
    ///
    /// # Panics
    /// If it cannot be run.
    pub fn run_script(
        &self,
        script: &Path,
        database: &str,
        settings: &[(&str, &str)],
    ) -> Option<Output> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.binaries.clone()).chain(std::env::split_paths(&path));
        let folders: Vec<PathBuf> = folders.collect();
        if !folders.iter().any(|folder| folder.join("psql").is_file()) {
            return None;
        }
        let mut shell = Command::new("/bin/sh");
        shell
            .arg(script)
            .env_clear()
            .env("PATH", std::env::join_paths(folders).expect("a path"))
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.number().to_string())
            .env("PGPASSWORD", PASSWORD)
            .env("POSTGRES_USER", USER)
            .env("POSTGRES_DB", database)
            .envs(settings.iter().copied());
        Some(shell.output().expect("can be run"))
    }

    /// Cuts all connections and ends it, as a crash does.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.end().await;
        }
    }

    /// Starts it (again), and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    pub async fn start(&mut self) {
        let note = self.data().join("postmaster.pid");
        // What runs by that number now may be another's.
        let _ = fs::remove_file(note);
        let data = self.data();
        let data = data.to_str().expect("a plain path");
        // SIGQUIT: at once. SIGINT would wait for what a replica has not received.
        let program = self.binaries.join("postgres");
        let mut running = self.place.run("QUIT", &program, &["-D", data]);
        let url = self.url("postgres");
        wait_until(&self.place, &mut running, async || {
            database_exists(&url, "postgres").await.is_ok()
        })
        .await;
        self.running = Some(running);
    }

    /// Of a replica: what it receives is kept, and not shown from now on.
    ///
    /// # Panics
    /// If it does not.
    pub async fn pause_replay(&self) {
        tell_database(&self.url("postgres"), "select pg_wal_replay_pause()").await;
    }

    /// Of a replica that was paused: it shows what it received.
    ///
    /// # Panics
    /// If it does not.
    pub async fn resume_replay(&self) {
        tell_database(&self.url("postgres"), "select pg_wal_replay_resume()").await;
    }

    fn make() -> Self {
        let binaries = find_binaries(&postgres_search()).expect("a Postgres");
        let place = Place::new();
        place.write("password", PASSWORD);
        let mut initdb = place.command(&binaries.join("initdb"));
        initdb
            .args(["-D", "data", "-U", USER, "-E", "UTF8", "--locale=C.UTF-8"])
            .args(["--auth=scram-sha-256", "--pwfile=password", "--no-sync"]);
        succeed(&mut initdb);
        let server = Self {
            place,
            binaries,
            port: Port::any(),
            running: None,
        };
        server.add_settings(SETTINGS);
        server.add_settings(&format!("port={}\n", server.port.number()));
        server
    }

    fn copy(&self) -> Self {
        let place = Place::new();
        let mut copy = place.command(Path::new("cp"));
        succeed(copy.arg("-a").arg(self.data()).arg("data"));
        let copied = Self {
            place,
            binaries: self.binaries.clone(),
            port: Port::any(),
            running: None,
        };
        copied.add_settings(&format!("port={}\n", copied.port.number()));
        copied
    }

    fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// The last of a name counts.
    fn add_settings(&self, settings: &str) {
        let path = self.data().join("postgresql.conf");
        let before = fs::read_to_string(&path).expect("its settings");
        fs::write(&path, format!("{before}{settings}")).expect("can be written");
    }
}

/// The programs that `SLUICEGATE_POSTGRES_BIN` names, else those of the system.
pub(crate) fn postgres_search() -> BinarySearch {
    BinarySearch {
        chosen: std::env::var_os("SLUICEGATE_POSTGRES_BIN").map(PathBuf::from),
        ..BinarySearch::default()
    }
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
