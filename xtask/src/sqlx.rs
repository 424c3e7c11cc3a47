use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, root};
use crate::postgres;
use crate::process::{Service, Stop, output, run};
use crate::toolchain::on_path;
use crate::ui::step;

const PACKAGE: &str = "sluicegate-postgres";
const ADAPTER: &str = "origin/backends/postgres";
const START: Duration = Duration::from_secs(30);

/// Describes every query of the adapter anew in `.sqlx`, against a private Postgres with its migrations.
pub(crate) fn main(stop: &Stop) -> Result<()> {
    let programs = postgres::ensure(stop)?;
    let folder = Folder::new()?;
    let mut database = step("Starting a private Postgres", || {
        start(stop, &programs, &folder.0)
    })?;
    step("Running the migrations", || {
        migrate(stop, &programs, &folder.0)
    })?;
    let prepared = step("Describing the queries", || prepare(stop, &folder.0));
    database.stop();
    prepared
}

/// A folder that goes with us.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("sluicegate-sqlx-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        if let Some((user, group)) = unprivileged() {
            chown(&path, Some(user), Some(group))?;
        }
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// Postgres refuses to run as root: the user `postgres`, else `nobody`.
fn unprivileged() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let id = |flag, user| output(Command::new("id").args([flag, user]))?.parse().ok();
    let of = |user| Some((id("-u", user)?, id("-g", user)?));
    of("postgres").or_else(|| of("nobody"))
}

/// A program of Postgres, as a user that may run it.
fn as_user(program: &Path) -> Command {
    let Some((user, group)) = unprivileged() else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={user}"), format!("--regid={group}")]);
    command.arg("--clear-groups").arg("--").arg(program);
    command
}

fn start(stop: &Stop, programs: &Path, folder: &Path) -> Result<Service> {
    let data = folder.join("data");
    let mut initdb = as_user(&programs.join("initdb"));
    initdb.args([
        "-U",
        "sluicegate",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "-A",
        "trust",
        "--no-sync",
    ]);
    run(
        stop,
        initdb
            .arg("-D")
            .arg(&data)
            .current_dir(folder)
            .stdout(std::io::stderr()),
    )?;
    let mut server = as_user(&programs.join("postgres"));
    server
        .arg("-D")
        .arg(&data)
        .arg("-k")
        .arg(folder)
        .current_dir(folder);
    let mut server = Service::start(
        "postgres",
        server.args(["-c", "listen_addresses=", "-c", "fsync=off"]),
    )?;
    let socket = folder.join(".s.PGSQL.5432");
    let deadline = Instant::now() + START;
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        server.must_run()?;
        if Instant::now() > deadline {
            bail!("Postgres did not answer within {} s", START.as_secs());
        }
        stop.pause()?;
    }
    Ok(server)
}

fn migrate(stop: &Stop, programs: &Path, folder: &Path) -> Result<()> {
    let own = programs.join("psql");
    let psql = if own.is_file() {
        Some(own)
    } else {
        on_path("psql")
    };
    let psql = psql.context("`psql` is needed: install the client of PostgreSQL")?;
    let mut migrations: Vec<PathBuf> = fs::read_dir(root().join(ADAPTER).join("migrations"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "sql"))
        .collect();
    migrations.sort();
    let mut command = Command::new(psql);
    command.args([
        "-q",
        "-X",
        "-v",
        "ON_ERROR_STOP=1",
        "-U",
        "sluicegate",
        "-d",
        "postgres",
    ]);
    command.arg("-h").arg(folder);
    for migration in migrations {
        command.arg("-f").arg(migration);
    }
    run(stop, &mut command)
}

/// With a database and a folder, sqlx's macros write what they learn while the adapter is compiled.
fn prepare(stop: &Stop, folder: &Path) -> Result<()> {
    let adapter = root().join(ADAPTER);
    let described = adapter.join(".sqlx");
    if described.exists() {
        fs::remove_dir_all(&described)?;
    }
    fs::create_dir_all(&described)?;
    touch(&adapter.join("src/lib.rs"))?;
    let url = format!(
        "postgres://sluicegate@localhost/postgres?host={}",
        folder.display()
    );
    let mut check = cargo(["check", "--tests", "-p", PACKAGE]);
    check.env("SQLX_OFFLINE", "false").env("DATABASE_URL", url);
    run(stop, check.env("SQLX_OFFLINE_DIR", &described))?;
    // What was compiled with a database must not pass for what was compiled without one.
    touch(&adapter.join("src/lib.rs"))
}

/// Makes cargo compile the file again.
#[expect(
    clippy::disallowed_methods,
    reason = "a file's time is the machine's, and nothing decides by it but cargo"
)]
fn touch(file: &Path) -> Result<()> {
    fs::File::options()
        .append(true)
        .open(file)?
        .set_modified(SystemTime::now())?;
    Ok(())
}
