use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo::{cargo, root, target};
use crate::process::{Service, Stop, run};
use crate::ui::{note, step};
use crate::{components, net, postgres};

const EDGE_PORT: u16 = 3000;
const ORIGIN_PORT: u16 = 8080;
const EDGE_METRICS_PORT: u16 = 9100;
const ORIGIN_METRICS_PORT: u16 = 9180;
/// A first start makes a database, and compiles components.
const START: Duration = Duration::from_mins(2);
/// Settings that would lead away from the embedded services.
const NOT_HERE: [&str; 8] = [
    "DATABASE_URL",
    "DATABASE_DIRECT_URL",
    "S3_ENDPOINT",
    "S3_EDGE_ENDPOINT",
    "S3_PUBLIC_ENDPOINT",
    "S3_CORS_ORIGINS",
    "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY",
];
/// Settings of the origin that the edge must share.
const SHARED: [&str; 3] = ["JWT_SECRET", "JWT_ISSUER", "JWT_AUDIENCE"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Keep database and pictures there instead of in `SLUICEGATE_DATA` or the user's data folder
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Builds and runs everything until it is stopped.
pub(crate) fn main(stop: &Stop, options: &Options) -> Result<()> {
    let postgres = postgres::ensure(stop)?;
    components::main(stop, false)?;
    build_programs(stop)?;
    let data = data_folder(options.data.as_deref())?;
    for name in NOT_HERE
        .iter()
        .filter(|name| std::env::var_os(name).is_some())
    {
        note(&format!(
            "{name} is set, and left out: `dev` uses services of its own"
        ));
    }
    let mut platform = step("Starting origin and edge", || start(stop, &data, &postgres))?;
    println!();
    println!("Open http://127.0.0.1:{}", platform.edge_port);
    println!(
        "(the origin's API is at http://127.0.0.1:{}, its metrics at http://127.0.0.1:{}/metrics; \
         Ctrl-C stops everything)",
        platform.origin_port, platform.origin_metrics_port
    );
    println!(
        "(the edge's metrics are at http://127.0.0.1:{}/metrics)",
        platform.edge_metrics_port
    );
    let ended = watch(stop, &mut platform);
    step("Stopping", || {
        platform.stop();
        Ok(())
    })?;
    ended
}

/// The programs, in one invocation so that features are resolved alike each time.
pub(crate) fn build_programs(stop: &Stop) -> Result<()> {
    step(
        "Building origin and edge (some minutes the first time)",
        || run(stop, &mut cargo(["build", "--bins"])),
    )
}

struct Platform {
    edge: Service,
    origin: Service,
    edge_port: u16,
    edge_metrics_port: u16,
    origin_port: u16,
    origin_metrics_port: u16,
}

impl Platform {
    /// The edge first: what it has accepted still needs the origin.
    fn stop(&mut self) {
        self.edge.stop();
        self.origin.stop();
    }
}

fn watch(stop: &Stop, platform: &mut Platform) -> Result<()> {
    while !stop.asked() {
        platform.origin.must_run()?;
        platform.edge.must_run()?;
        if stop.pause().is_err() {
            break;
        }
    }
    Ok(())
}

fn start(stop: &Stop, data: &Path, postgres: &Path) -> Result<Platform> {
    let origin_port = net::port_near(ORIGIN_PORT)?;
    let edge_port = net::port_near(EDGE_PORT)?;
    let pages = format!("http://127.0.0.1:{edge_port},http://localhost:{edge_port}");
    let origin_metrics_port = net::port_near(ORIGIN_METRICS_PORT)?;
    let edge_key = edge_key()?;
    let mut command = program("sluicegate-origin");
    command
        .arg("serve")
        .env("SLUICEGATE_DATA", data)
        .env("SLUICEGATE_POSTGRES_BIN", postgres)
        .env("EDGE_KEY", &edge_key)
        .env("S3_PUBLIC_ENDPOINT", "same")
        .env("S3_CORS_ORIGINS", pages)
        .env("SLUICEGATE_LISTEN", format!("127.0.0.1:{origin_port}"))
        .env("METRICS_LISTEN", format!("127.0.0.1:{origin_metrics_port}"));
    let mut origin = Service::start("origin", &command)?;
    origin.wait_for_line(stop, "listening on ", START)?;
    net::wait_for_ok(stop, &mut origin, origin_port, "/readyz", START)?;
    let store = store_url(stop, &mut origin, data)?;

    let edge_metrics_port = net::port_near(EDGE_METRICS_PORT)?;
    let mut command = program("sluicegate-edge");
    command
        .arg("--app")
        .arg(root().join("spin.toml"))
        .arg("--listen")
        .arg(format!("127.0.0.1:{edge_port}"))
        .arg("--metrics-listen")
        .arg(format!("127.0.0.1:{edge_metrics_port}"))
        .args(["--check-path", "/healthz"])
        .arg("--cache-dir")
        .arg(target().join("edge-cache"))
        .env(
            "SPIN_VARIABLE_ORIGIN_URL",
            format!("http://127.0.0.1:{origin_port}"),
        )
        .env("SPIN_VARIABLE_STORE_URL", store)
        .env("SPIN_VARIABLE_EDGE_KEY", edge_key);
    for name in SHARED {
        let variable = format!("SPIN_VARIABLE_{name}");
        match std::env::var_os(name) {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    let mut edge = Service::start("edge", &command)?;
    edge.wait_for_line(stop, "listening on ", START)?;
    net::wait_for_ok(stop, &mut edge, edge_port, "/healthz", START)?;
    Ok(Platform {
        edge,
        origin,
        edge_port,
        edge_metrics_port,
        origin_port,
        origin_metrics_port,
    })
}

/// The one that is set, else one for this start alone. Without a key the origin would not believe the edge
/// where clients are, and could not count their attempts.
fn edge_key() -> Result<String> {
    let set = std::env::var("EDGE_KEY").unwrap_or_default();
    if !set.trim().is_empty() {
        return Ok(set.trim().to_owned());
    }
    let mut key = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut key))
        .context("cannot make a key")?;
    Ok(format!("{:032x}", u128::from_be_bytes(key)))
}

fn program(name: &str) -> Command {
    let mut command = Command::new(target().join("debug").join(name));
    command.current_dir(root());
    for name in NOT_HERE {
        command.env_remove(name);
    }
    command
}

/// The same folder as the origin's own default. The origin makes it, with the right owner and mode.
fn data_folder(chosen: Option<&Path>) -> Result<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    match chosen
        .map(Path::to_owned)
        .or_else(|| variable("SLUICEGATE_DATA"))
    {
        Some(folder) => Ok(std::path::absolute(folder)?),
        None => user_data(),
    }
}

/// Root's home is closed to the user that the database runs as.
pub(crate) fn user_data() -> Result<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/sluicegate"));
    }
    let variable = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    variable("XDG_DATA_HOME")
        .or_else(|| Some(variable("HOME")?.join(".local/share")))
        .map(|data| data.join("sluicegate"))
        .context("neither HOME nor XDG_DATA_HOME is set: name a folder with SLUICEGATE_DATA")
}

/// Where the embedded store listens. The services write that file when they are ready.
fn store_url(stop: &Stop, origin: &mut Service, data: &Path) -> Result<String> {
    let file = data.join("services.json");
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        origin.must_run()?;
        if let Some(url) = read_store_url(&file) {
            return Ok(url);
        }
        stop.pause()?;
    }
    bail!("{} does not name the store", file.display())
}

fn read_store_url(file: &Path) -> Option<String> {
    let services: Value = serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    services
        .pointer("/s3_endpoint")
        .and_then(Value::as_str)
        .map(str::to_owned)
}
