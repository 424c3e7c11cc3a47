use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bullmq::options::{QueueOptions, RedisConnectionOptions};
use bullmq::{JobOptions, Queue};
use sluicegate_bullmq::{Bull, RedisAddress};
use sluicegate_conformance::notes::RanOn;
use sluicegate_core::job::POST_JOB;
use tempfile::TempDir;

use super::{test_name, until};

/// A server of one test, in a folder of its own; ends with this value.
pub(crate) struct Redis {
    program: PathBuf,
    arguments: Vec<String>,
    folder: TempDir,
    port: u16,
    child: Option<Child>,
    ran: Option<RanOn>,
}

impl Redis {
    /// `None` if there is no `redis-server`. `arguments` go before the usual ones.
    pub(crate) async fn start(arguments: &[&str]) -> Option<Self> {
        let program = program()?;
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut redis = Self {
            program,
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            folder: tempfile::tempdir().unwrap(),
            port,
            child: None,
            ran: None,
        };
        redis.start_again().await;
        let facts = redis.bull().inspect().await.unwrap();
        let version = &facts.first().unwrap().version;
        let theme = test_name();
        let theme = theme.split("::").next().unwrap_or_default();
        redis.ran = Some(RanOn::begins(
            &format!("Redis {version}"),
            &format!("the queue: {theme}"),
        ));
        Some(redis)
    }

    /// On the same port, with what it had written.
    pub(crate) async fn start_again(&mut self) {
        let folder = self.folder.path();
        let mut command = Command::new(&self.program);
        command
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--dir",
            ])
            .arg(folder)
            .args([
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
            ])
            .args([
                "--maxmemory",
                "256mb",
                "--maxmemory-policy",
                "noeviction",
                "--logfile",
            ])
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

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn bull(&self) -> Arc<Bull> {
        let address = RedisAddress::parse(&self.url(), None).unwrap();
        Arc::new(Bull::new(address, Duration::from_secs(5)))
    }

    /// A queue as any other user of BullMQ has it.
    pub(crate) async fn queue(&self, name: &str) -> Queue {
        let connection = RedisConnectionOptions::new().url(self.url());
        let options = QueueOptions::new().connection(connection);
        Queue::with_options(name, options).await.unwrap()
    }

    /// Adds a post's job without a row.
    pub(crate) async fn add(&self, queue: &str, id: &str, data: serde_json::Value) {
        let options = JobOptions {
            job_id: Some(id.to_owned()),
            attempts: Some(3),
            ..JobOptions::default()
        };
        let queue = self.queue(queue).await;
        queue.add(POST_JOB, data).options(options).await.unwrap();
    }

    pub(crate) async fn ask(&self, words: &[&str]) -> Result<redis::Value, redis::RedisError> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let (name, arguments) = words.split_first().expect("a command");
        redis::cmd(name)
            .arg(arguments)
            .query_async(&mut connection)
            .await
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

pub(crate) fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SLUICEGATE_REDIS_SERVER") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("redis-server"))
        .find(|file| file.is_file())
}
