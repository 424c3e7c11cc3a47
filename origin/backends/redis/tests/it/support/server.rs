use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use sluicegate_conformance::notes::RanOn;
use tempfile::TempDir;

use super::{test_name, until};

/// A server of one test, in a folder of its own; ends with this value. It keeps nothing over a restart.
pub(crate) struct Redis {
    program: PathBuf,
    arguments: Vec<String>,
    folder: TempDir,
    port: u16,
    child: Option<Child>,
    ran: Option<RanOn>,
}

impl Redis {
    /// `None` if there is no `redis-server`. `arguments` go after the usual ones.
    pub(crate) async fn start(arguments: &[&str]) -> Option<Self> {
        let program = program()?;
        let theme = test_name();
        let theme = theme.split("::").next().unwrap_or_default();
        let mut redis = Self {
            program,
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            child: None,
            ran: Some(RanOn::begins("Redis", &format!("what is shared: {theme}"))),
        };
        redis.start_again().await;
        Some(redis)
    }

    /// On the same port, empty.
    pub(crate) async fn start_again(&mut self) {
        let folder = self.folder.path();
        let mut command = Command::new(&self.program);
        command
            .args(["--bind", "127.0.0.1", "--port"])
            .arg(self.port.to_string())
            .arg("--dir")
            .arg(folder)
            .args(["--save", "", "--appendonly", "no", "--logfile"])
            .arg(folder.join("log"))
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.child = Some(command.spawn().expect("redis-server starts"));
        until("Redis answers", async || self.ask(&["PING"]).await.is_ok()).await;
    }

    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it is killed");
        child.wait().expect("it has ended");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub(crate) async fn ask(&self, words: &[&str]) -> Result<redis::Value, redis::RedisError> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let (name, arguments) = words.split_first().expect("a command");
        let mut command = redis::cmd(name);
        command.arg(arguments);
        command.query_async(&mut connection).await
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
        if let Some(ran) = self.ran.take()
            && !std::thread::panicking()
        {
            ran.passed();
        }
    }
}

/// A node of a cluster also takes the port that is 10,000 higher.
pub(crate) fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if let Some(bus) = port.checked_add(10_000)
            && TcpListener::bind(("127.0.0.1", bus)).is_ok()
        {
            return port;
        }
    }
}

pub(crate) fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SLUICEGATE_REDIS_SERVER") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("redis-server"))
        .find(|file| file.is_file())
}
