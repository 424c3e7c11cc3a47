#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

mod cluster;
mod tls;

pub use cluster::RedisCluster;

use std::path::{Path, PathBuf};
use std::process::Command;

use super::child::{Place, Running, wait_until};
use super::port::Port;
use crate::notes::skip;
use tls::Certificates;

/// Names the program; else it is looked for on the path.
const VARIABLE: &str = "SLUICEGATE_REDIS_SERVER";
const PROGRAM: &str = "redis-server";
const DEPLOYED: &str = include_str!("../../../../../deploy/redis.conf");
const SETTINGS: &str = "redis.conf";

/// Redis on loopback. It writes down at once what it was told, as a queue needs it, and ends with this value.
pub struct RedisServer {
    place: Place,
    program: PathBuf,
    arguments: Vec<String>,
    port: Port,
    /// As a node of a cluster.
    bus: Option<Port>,
    wants_password: bool,
    is_as_deployed: bool,
    secured: Option<Certificates>,
    running: Option<Running>,
}

impl RedisServer {
    /// Known to tests alone.
    pub const PASSWORD: &'static str = "redis-password-of-the-tests";

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

    /// As [`RedisServer::start`]; it wants [`RedisServer::PASSWORD`].
    ///
    /// # Panics
    /// If it does not start.
    pub async fn with_password(arguments: &[&str], test: &str) -> Option<Self> {
        let mut server = Self::new(arguments, test)?;
        server.wants_password = true;
        server.start_again().await;
        Some(server)
    }

    /// Starts one with the settings that operators are given (`deploy/redis.conf`), but for where it listens and writes. It
    /// wants [`RedisServer::PASSWORD`].
    ///
    /// # Panics
    /// If it does not start.
    pub async fn as_deployed(test: &str) -> Option<Self> {
        let mut server = Self::new(&[], test)?;
        (server.wants_password, server.is_as_deployed) = (true, true);
        // It goes there while it reads.
        let here = DEPLOYED.replace("\ndir /data\n", "\ndir .\n");
        assert_ne!(here, DEPLOYED, "deploy/redis.conf says where it writes");
        server.place.write(SETTINGS, &here);
        server.start_again().await;
        Some(server)
    }

    /// Starts one that speaks TLS alone, and wants [`RedisServer::PASSWORD`].
    ///
    /// # Panics
    /// If it does not start.
    pub async fn with_tls(test: &str) -> Option<Self> {
        let mut server = Self::new(&[], test)?;
        server.wants_password = true;
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
            port: Port::any(),
            bus: None,
            wants_password: false,
            is_as_deployed: false,
            secured: None,
            running: None,
        })
    }

    /// Starts it again on the same port, with what it had written.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_again(&mut self) {
        let port = self.port.number().to_string();
        let mut arguments = Vec::new();
        if self.is_as_deployed {
            arguments.push(SETTINGS);
        } else {
            arguments.extend(["--save", "", "--appendonly", "yes"]);
            // What is written outlives the process, synced or not; nobody waits for a disk that other tests use.
            arguments.extend(["--appendfsync", "no", "--maxmemory", "256mb"]);
            arguments.extend(["--maxmemory-policy", "noeviction"]);
        }
        arguments.extend(["--bind", "127.0.0.1"]);
        if self.secured.is_some() {
            arguments.extend(["--port", "0", "--tls-port", &port]);
            arguments.extend(Certificates::arguments());
        } else {
            arguments.extend(["--port", &port]);
        }
        if self.wants_password {
            arguments.extend(["--requirepass", Self::PASSWORD]);
        }
        arguments.extend(self.arguments.iter().map(String::as_str));
        let mut running = self.place.run("KILL", &self.program, &arguments);
        wait_until(&self.place, &mut running, async || {
            self.try_ask(&["PING"]).as_deref() == Ok("PONG")
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
        self.port.number()
    }

    /// What it answers to a command, as `redis-cli` tells it: a refusal is an answer, too.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn ask(&self, command: &[&str]) -> String {
        self.try_ask(command).expect("it answers")
    }

    /// The number that it answers.
    ///
    /// # Panics
    /// If it answers something else, or cannot be asked.
    pub fn count(&self, command: &[&str]) -> u64 {
        self.ask(command).parse().expect("a number")
    }

    /// How many keys it has that fit a pattern; as a node of a cluster: itself.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn keys(&self, pattern: &str) -> u64 {
        let script = "return #redis.call('KEYS', ARGV[1])";
        self.count(&["EVAL", script, "0", pattern])
    }

    /// How many jobs of a queue of `BullMQ` were completed there.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn completed(&self, queue: &str) -> u64 {
        self.count(&["ZCARD", &format!("bull:{queue}:completed")])
    }

    fn try_ask(&self, command: &[&str]) -> Result<String, String> {
        let port = self.port.number().to_string();
        let mut arguments = vec!["-p", &port];
        if self.secured.is_some() {
            arguments.extend(["--tls", "--cacert", Certificates::AUTHORITY]);
        }
        if self.wants_password {
            arguments.extend(["--no-auth-warning", "-a", Self::PASSWORD]);
        }
        arguments.extend(command);
        let answer = finish(&self.place, &self.cli(), &arguments)?;
        Ok(answer.trim_end().to_owned())
    }

    fn cli(&self) -> PathBuf {
        let beside = self.program.with_file_name("redis-cli");
        if beside.is_file() {
            beside
        } else {
            "redis-cli".into()
        }
    }

    /// For `REDIS_URL`.
    pub fn url(&self) -> String {
        let user = if self.wants_password {
            format!(":{}@", Self::PASSWORD)
        } else {
            String::new()
        };
        match self.secured {
            None => format!("redis://{user}127.0.0.1:{}/0", self.port.number()),
            Some(_) => format!("rediss://{user}localhost:{}", self.port.number()),
        }
    }

    /// Certificates (PEM) of the authority that signed the server's, if it speaks TLS.
    pub fn authority(&self) -> Option<&[u8]> {
        self.secured.as_ref().map(Certificates::authority)
    }

    /// The same in a file (`REDIS_CA_FILE`), which goes with this value.
    pub fn authority_file(&self) -> Option<PathBuf> {
        let secured = self.secured.as_ref();
        secured.map(|_| self.place.path().join(Certificates::AUTHORITY))
    }

    /// As it calls itself: `Redis 7.0.15`, `Redis 7.0.15 with TLS`.
    ///
    /// # Panics
    /// If it does not say.
    pub fn version(&self) -> String {
        let version = version(&self.program);
        match self.secured {
            None => version,
            Some(_) => format!("{version} with TLS"),
        }
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

fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(PROGRAM))
        .find(|file| file.is_file())
}

/// Runs a program to its end, and answers what it said; as an error, if it did not end well.
fn finish(place: &Place, program: &Path, arguments: &[&str]) -> Result<String, String> {
    let name = program.display();
    let output = place
        .command(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("no {name}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let more = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name} failed: {said}{more}"))
}
