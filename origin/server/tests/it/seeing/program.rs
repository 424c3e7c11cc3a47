#[path = "../../../../../tests/src/secrets/shapes.rs"]
mod shapes;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::promql::Exposition;

/// A database is made, on a machine that may be busy.
const LIMIT: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(100);

/// Root's database runs as another user, who must be able to pass.
pub(crate) fn data_folder() -> TempDir {
    let data = tempfile::tempdir().expect("makes a folder");
    let passable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(data.path(), passable).expect("sets the mode");
    data
}

/// `sluicegate-origin serve` on free ports, or another command that serves.
pub(crate) struct Program {
    pub(crate) url: String,
    pub(crate) metrics_url: Option<String>,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Program {
    pub(crate) async fn start(data: &Path, settings: &[(&str, &str)]) -> Self {
        Self::run("serve", data, settings).await
    }

    pub(crate) async fn run(command: &str, data: &Path, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sluicegate-origin"))
            .arg(command)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(
                std::env::var_os("SLUICEGATE_POSTGRES_BIN")
                    .map(|bin| ("SLUICEGATE_POSTGRES_BIN", bin)),
            )
            .env("SLUICEGATE_DATA", data)
            .env("SLUICEGATE_LISTEN", "127.0.0.1:0")
            .env("METRICS_LISTEN", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs");
        let log = Arc::new(Mutex::new(String::new()));
        keep(child.stderr.take().expect("is piped"), Arc::clone(&log));
        let output = child.stdout.take().expect("is piped");
        let (url, metrics_url) = tokio::task::spawn_blocking(move || addresses(output))
            .await
            .expect("reads");
        let Some(url) = url else {
            let _ = child.wait();
            panic!("it ended: {}", log.lock().expect("is whole"));
        };
        Self {
            url,
            metrics_url,
            child,
            log,
        }
    }

    /// What is exported as soon as it is as it should be.
    pub(crate) async fn metrics_when(&self, right: impl Fn(&Exposition) -> bool) -> Exposition {
        let url = self.metrics_url.as_ref().expect("they are on");
        let deadline = Instant::now() + LIMIT;
        loop {
            let answer = get(url).await;
            let seen = Exposition::read(answer);
            if right(&seen) {
                return seen;
            }
            assert!(Instant::now() < deadline, "not in time: {}", seen.text);
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(crate) async fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let log = self.log.lock().expect("is whole").clone();
            if log.contains(text) {
                return;
            }
            assert!(Instant::now() < deadline, "no {text:?} in {log}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends it as an init system does; its log.
    pub(crate) async fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.expect("runs").success());
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("can be asked") {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            tokio::time::sleep(PAUSE).await;
        };
        let log = self.log.lock().expect("is whole").clone();
        assert!(status.success(), "{status}: {log}");
        log
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log.lock().map(|log| log.clone()).unwrap_or_default();
        let leak = log
            .lines()
            .find_map(|line| Some((shapes::find(line)?, line)));
        assert!(leak.is_none() || std::thread::panicking(), "{leak:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test is a client of its own")]
async fn get(url: &str) -> String {
    let client = reqwest::Client::new();
    let answer = client
        .get(url)
        .timeout(LIMIT)
        .send()
        .await
        .expect("answers");
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("has a body")
}

/// Where API and metrics are, as the program says when it is ready.
fn addresses(output: impl Read) -> (Option<String>, Option<String>) {
    let mut metrics = None;
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if let Some(url) = line.strip_prefix("metrics on ") {
            metrics = Some(url.to_owned());
        }
        if let Some(url) = line.strip_prefix("listening on ") {
            return (Some(url.to_owned()), metrics);
        }
    }
    (None, metrics)
}

fn keep(stream: impl Read + Send + 'static, log: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut log = log.lock().expect("is whole");
            log.push_str(&line);
            log.push('\n');
        }
    });
}
