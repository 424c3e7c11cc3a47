//! `HAProxy` in front of several origins, with the settings that operators are given (`deploy/haproxy.cfg`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sluicegate_conformance::servers::Port;
use tempfile::TempDir;

use crate::client::Client;
use crate::process::Program;
use crate::wait::wait_for;

/// Names the program.
const VARIABLE: &str = "SLUICEGATE_HAPROXY";
const LIMIT: Duration = Duration::from_secs(30);

/// A running one; killed when it is dropped.
pub struct Haproxy {
    /// Where it listens.
    pub url: String,
    version: String,
    program: Program,
    _ports: [Port; 2],
    _folder: TempDir,
}

impl Haproxy {
    /// Whether there is a program.
    pub fn is_there() -> bool {
        program().is_some()
    }

    /// Starts one in front of these origins (`http://host:port`), which it takes for well until it finds that they are not.
    pub async fn before(origins: &[&str]) -> Result<Self> {
        let program = program().with_context(|| format!("{VARIABLE} names no HAProxy"))?;
        let said = Command::new(&program).arg("-v").output()?.stdout;
        let said = String::from_utf8_lossy(&said);
        let version = said.split_whitespace().nth(2).context("its version")?;
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/haproxy.cfg");
        let ports = [Port::any(), Port::any()];
        let [front, health] = ports.each_ref().map(Port::number);
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("haproxy.cfg");
        let settings = std::fs::read_to_string(ours)?;
        std::fs::write(&file, here(&settings, origins, front, health)?)?;
        let arguments = ["-db", "-f", &file.to_string_lossy()];
        let mut haproxy = Self {
            url: format!("http://127.0.0.1:{front}"),
            version: format!("HAProxy {version}"),
            program: Program::start(&program, &arguments, &[])?,
            _ports: ports,
            _folder: folder,
        };
        let asked = Client::new(&format!("http://127.0.0.1:{health}"))?;
        wait_for("HAProxy to be well", LIMIT, async || {
            haproxy.program.must_run()?;
            let answer = asked.get("/healthz").await;
            Ok(answer.ok().filter(|answer| answer.status == 200))
        })
        .await?;
        Ok(haproxy)
    }

    /// As it calls itself: `HAProxy 3.4.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Waits until it has found, for the first time, that an origin (from 0) is gone.
    pub async fn finds_gone(&mut self, origin: usize) -> Result<()> {
        self.finds(origin, "DOWN").await
    }

    /// Waits until it has found, for the first time, that one that was gone is back.
    pub async fn finds_back(&mut self, origin: usize) -> Result<()> {
        self.finds(origin, "UP").await
    }

    async fn finds(&mut self, origin: usize, how: &str) -> Result<()> {
        let text = format!("Server origins/origin{origin} is {how}");
        self.program.wait_for_line(&text, LIMIT).await.map(drop)
    }
}

fn program() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).map(PathBuf::from)
}

/// Our settings, but with these origins and ports instead of names and ports of a network of containers.
fn here(settings: &str, origins: &[&str], front: u16, health: u16) -> Result<String> {
    const TEMPLATE: &str = "    server-template origin 16 origin:8080";
    let mut replaced = 0;
    let mut lines = Vec::new();
    for line in settings.lines() {
        let more = if let Some(rest) = line.strip_prefix(TEMPLATE) {
            let rest = rest.trim_end_matches(" resolvers names");
            let servers = origins.iter().enumerate().map(|(number, url)| {
                let address = url.trim_start_matches("http://");
                format!("    server origin{number} {address}{rest}")
            });
            servers.collect()
        } else {
            match line {
                "    bind :8080" => vec![format!("    bind 127.0.0.1:{front}")],
                "    bind :8405" => vec![format!("    bind 127.0.0.1:{health}")],
                _ => {
                    lines.push(line.to_owned());
                    continue;
                }
            }
        };
        replaced += 1;
        lines.extend(more);
    }
    ensure!(replaced == 4, "haproxy.cfg names other addresses by now");
    Ok(lines.join("\n") + "\n")
}
