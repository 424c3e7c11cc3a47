//! A Redis of a test's own, that can be down for a while.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::secrets;
use crate::wait::wait_for;

const LIMIT: Duration = Duration::from_secs(30);
/// Its answers take no longer.
const ANSWER: Duration = Duration::from_secs(5);
/// What nobody may read in a log.
const PASSWORD: &str = "redis-password-of-the-tests";

/// A server on a free port of loopback; killed when it is dropped.
pub struct Redis {
    program: PathBuf,
    policy: &'static str,
    append_only: &'static str,
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl Redis {
    /// Starts one with this `maxmemory-policy`. `None` if there is no `redis-server` on the path, and
    /// `SLUICEGATE_REDIS_SERVER` names none.
    pub async fn start(policy: &'static str) -> Result<Option<Self>> {
        Self::start_keeping(policy, "yes").await
    }

    /// As [`Redis::start`], with nothing written down: it is empty after a restart.
    pub async fn start_forgetful(policy: &'static str) -> Result<Option<Self>> {
        Self::start_keeping(policy, "no").await
    }

    async fn start_keeping(
        policy: &'static str,
        append_only: &'static str,
    ) -> Result<Option<Self>> {
        let Some(program) = program() else {
            return Ok(None);
        };
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut redis = Self {
            program,
            policy,
            append_only,
            port,
            folder: tempfile::tempdir()?,
            child: None,
        };
        secrets::register(PASSWORD);
        redis.start_again().await?;
        Ok(Some(redis))
    }

    /// For `REDIS_URL`.
    pub fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// Its process id.
    pub fn pid(&self) -> Result<Pid> {
        let child = self.child.as_ref().context("it runs")?;
        i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("a process id")
    }

    /// Starts it again, with what it had written.
    pub async fn start_again(&mut self) -> Result<()> {
        let folder = self.folder.path();
        let child = Command::new(&self.program)
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
                self.append_only,
                "--requirepass",
                PASSWORD,
            ])
            .args([
                "--maxmemory",
                "256mb",
                "--maxmemory-policy",
                self.policy,
                "--logfile",
            ])
            .arg(folder.join("log"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start redis-server")?;
        self.child = Some(child);
        wait_for("Redis", LIMIT, async || {
            Ok(self
                .ask("PING")
                .await
                .ok()
                .filter(|answer| answer == "+PONG"))
        })
        .await
        .map(drop)
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("it runs")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// The first line of its answer to a command.
    pub async fn ask(&self, command: &str) -> Result<String> {
        let asked = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            let both = format!("AUTH {PASSWORD}\r\n{command}\r\n");
            stream.write_all(both.as_bytes()).await?;
            let mut lines = BufReader::new(stream).lines();
            let authorised = lines.next_line().await?.context("an answer")?;
            if authorised != "+OK" {
                bail!("it refuses us: {authorised}");
            }
            lines.next_line().await?.context("an answer")
        };
        timeout(ANSWER, asked).await?
    }

    /// How many keys it has that fit a pattern.
    pub async fn keys(&self, pattern: &str) -> Result<u64> {
        let script = format!("return #redis.call('KEYS', '{pattern}')");
        let answer = self.ask(&format!("EVAL \"{script}\" 0")).await?;
        let number = answer.strip_prefix(':').context("a number")?;
        Ok(number.parse()?)
    }

    /// How many jobs of a queue were completed there.
    pub async fn completed(&self, queue: &str) -> Result<u64> {
        let answer = self.ask(&format!("ZCARD bull:{queue}:completed")).await?;
        let number = answer.strip_prefix(':').context("a number")?;
        Ok(number.parse()?)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It is gone already, or cannot be ended by us.
        let _ = self.kill();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SLUICEGATE_REDIS_SERVER") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("redis-server"))
        .find(|file| file.is_file())
}
