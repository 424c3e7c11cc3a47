//! The program itself, as a process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../../../../tests/src/secrets/shapes.rs"]
mod shapes;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::support::{Raw, cache, eventually, in_time};

/// How it is started; the environment is empty.
pub(crate) fn command(app: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate-edge"));
    command
        .arg("--app")
        .arg(app)
        .arg("--cache-dir")
        .arg(cache())
        .args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// One that listens. Its log is JSON.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: SocketAddr,
    child: Child,
    log: JoinHandle<String>,
}

impl Program {
    pub(crate) async fn start(app: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = command(app)
            .args(["--log-format", "json"])
            .args(arguments)
            .envs(variables.iter().copied())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = tokio::spawn(async move {
            let mut text = String::new();
            stderr.read_to_string(&mut text).await.unwrap();
            text
        });
        let (metrics, address) = addresses(&mut child).await;
        Self {
            address,
            metrics,
            child,
            log,
        }
    }

    /// What is counted so far.
    pub(crate) async fn scrape(&self) -> String {
        let mut scraper = Raw::open(self.metrics).await;
        let request = "GET /metrics HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n";
        scraper.write(request).await;
        let mut seen = String::new();
        in_time(scraper.0.read_to_string(&mut seen)).await.unwrap();
        seen
    }

    pub(crate) async fn until_metric(&self, line: &str) {
        eventually(async || self.scrape().await.lines().any(|seen| seen == line)).await;
    }

    pub(crate) fn terminate(&self) {
        let pid = self.child.id().unwrap().to_string();
        let status = std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for its end; gives what it ended with, and its log.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let status = in_time(self.child.wait()).await.unwrap();
        let log = in_time(self.log).await.unwrap();
        let leak = log
            .lines()
            .find_map(|line| Some((shapes::find(line)?, line)));
        assert!(leak.is_none(), "{leak:?}");
        (status, log)
    }
}

/// Waits for the lines that say where metrics are, and then where it listens.
pub(crate) async fn addresses(child: &mut Child) -> (SocketAddr, SocketAddr) {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let mut next = async |start: &str, end: &str| {
        let line = in_time(lines.next_line()).await.unwrap().unwrap();
        let address = line.strip_prefix(start).unwrap().strip_suffix(end).unwrap();
        address.parse().unwrap()
    };
    let metrics = next("metrics on http://", "/metrics").await;
    (metrics, next("listening on http://", "").await)
}

/// The lines of the access log.
pub(crate) fn accesses(log: &str) -> Vec<serde_json::Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|line| line["target"] == "access")
        .collect()
}
