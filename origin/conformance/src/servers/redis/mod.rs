#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

mod cluster;
mod tls;

pub use cluster::RedisCluster;

use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::child::{PATIENCE, Place, Running, free_port, wait_until};
use crate::notes::skip;
use tls::Certificates;

/// Names the program; else it is looked for on the path.
const VARIABLE: &str = "SLUICEGATE_REDIS_SERVER";
const PROGRAM: &str = "redis-server";

/// Redis on loopback. It writes down at once what it was told, as a queue needs it, and ends with this value.
pub struct RedisServer {
    place: Place,
    program: PathBuf,
    arguments: Vec<String>,
    port: u16,
    secured: Option<Certificates>,
    running: Option<Running>,
}

impl RedisServer {
    /// Of a server with TLS; known to tests alone.
    pub const PASSWORD: &'static str = "hunter2";

    /// Starts one, with further arguments after the usual ones. `None`, and a note under the name of the test, where
    /// there is no program.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(arguments: &[&str], test: &str) -> Option<Self> {
        let mut server = Self::new(arguments, test)?;
        server.start_again().await;
        Some(server)
    }

    /// Starts one that speaks TLS alone, and wants [`RedisServer::PASSWORD`]. Waits until it listens.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn with_tls(test: &str) -> Option<Self> {
        let mut server = Self::new(&[], test)?;
        match Certificates::make(&server.place) {
            Ok(certificates) => server.secured = Some(certificates),
            Err(reason) => {
                skip(test, &reason);
                return None;
            }
        }
        server.start_again().await;
        Some(server)
    }

    fn new(arguments: &[&str], test: &str) -> Option<Self> {
        let Some(program) = find() else {
            let reason = format!("no {PROGRAM} on the path, and {VARIABLE} names none");
            skip(test, &reason);
            return None;
        };
        // It needs not to be somebody else to run as root.
        let place = Place {
            user: None,
            ..Place::new()
        };
        Some(Self {
            place,
            program,
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            port: free_port(),
            secured: None,
            running: None,
        })
    }

    /// Starts it again on the same port, with what it had written.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_again(&mut self) {
        let port = self.port.to_string();
        let mut arguments = vec!["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"];
        arguments.extend(["--appendfsync", "always", "--maxmemory", "256mb"]);
        arguments.extend(["--maxmemory-policy", "noeviction"]);
        if self.secured.is_some() {
            arguments.extend(["--port", "0", "--tls-port", &port]);
            arguments.extend(["--requirepass", Self::PASSWORD]);
            arguments.extend(Certificates::arguments());
        } else {
            arguments.extend(["--port", &port]);
        }
        arguments.extend(self.arguments.iter().map(String::as_str));
        let mut running = self.place.run("KILL", &self.program, &arguments);
        wait_until(&self.place, &mut running, async || match &self.secured {
            None => said(self.port, "PING").await.as_deref() == Some("+PONG\r\n"),
            Some(_) => TcpStream::connect(("127.0.0.1", self.port)).await.is_ok(),
        })
        .await;
        self.running = Some(running);
    }

    /// Ends it as `kill -9` does.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.end().await;
        }
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The beginning of its answer to words without blanks in them, as it is sent; of a server without TLS.
    pub async fn ask(&self, command: &str) -> Option<String> {
        said(self.port, command).await
    }

    /// For `REDIS_URL`.
    pub fn url(&self) -> String {
        match self.secured {
            None => format!("redis://127.0.0.1:{}/0", self.port),
            Some(_) => format!("rediss://:{}@localhost:{}", Self::PASSWORD, self.port),
        }
    }

    /// Certificates (PEM) of the authority that signed the server's, if it speaks TLS.
    pub fn authority(&self) -> Option<&[u8]> {
        self.secured.as_ref().map(Certificates::authority)
    }

    /// As it calls itself: `Redis 7.0.15`.
    ///
    /// # Panics
    /// If it does not say.
    pub fn version(&self) -> String {
        version(&self.program)
    }
}

fn version(program: &Path) -> String {
    let said = Command::new(program).arg("--version").output();
    let said = said.expect("it tells its version").stdout;
    // Redis server v=7.0.15 sha=…
    let said = String::from_utf8_lossy(&said);
    let number = said.split_whitespace().find_map(|w| w.strip_prefix("v="));
    format!("Redis {}", number.unwrap_or("of an unknown version"))
}

/// The beginning of its answer to a command without arguments that are binary.
async fn said(port: u16, command: &str) -> Option<String> {
    let asked = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream
            .write_all(format!("{command}\r\n").as_bytes())
            .await?;
        let mut answer = vec![0; 4_096];
        let length = stream.read(&mut answer).await?;
        answer.truncate(length);
        std::io::Result::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    timeout(PATIENCE, asked).await.ok()?.ok()
}

fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(PROGRAM))
        .find(|file| file.is_file())
}

/// Runs a program to its end; what it said, if it did not end well.
fn finish(place: &Place, program: &Path, arguments: &[&str]) -> Result<(), String> {
    let name = program.display();
    let output = place
        .command(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("no {name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{name} failed: {}", String::from_utf8_lossy(&said)))
}
