#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::child::{Place, Running, wait_until};
use super::port::Port;
use crate::notes::skip;

/// Names the program; else it is looked for on the path.
const VARIABLE: &str = "SLUICEGATE_MINIO";
const PROGRAM: &str = "minio";

/// What a store stands on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Drives {
    /// One server with one drive.
    One,
    /// One server with four, two of them for parity.
    Four,
    /// Four servers with a drive each, distributed: any of them answers for all.
    FourServers,
}

impl Drives {
    /// How many drives on each of how many servers.
    fn layout(self) -> (usize, usize) {
        match self {
            Self::One => (1, 1),
            Self::Four => (4, 1),
            Self::FourServers => (1, 4),
        }
    }
}

/// An S3 server of others, `MinIO`, on loopback.
pub struct Minio {
    place: Place,
    program: PathBuf,
    drives: Drives,
    /// Of each server. Clients are told the first.
    ports: Vec<Port>,
    version: String,
    running: Vec<Running>,
}

impl Minio {
    /// Not secret.
    pub const ACCESS_KEY_ID: &'static str = "somebody";
    /// Known to tests alone.
    pub const SECRET_ACCESS_KEY: &'static str = "a secret of the tests";

    /// Starts one. `None`, and a note under the name of the test, where there is no program.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(drives: Drives, test: &str) -> Option<Self> {
        let Some(program) = find() else {
            let reason = format!("no {PROGRAM} on the path, and {VARIABLE} names none");
            skip(test, &reason);
            return None;
        };
        let said = Command::new(&program).arg("--version").output();
        let said = said.expect("it tells its version").stdout;
        let version = version(&String::from_utf8_lossy(&said));
        // It needs not to be somebody else to run as root.
        let place = Place {
            user: None,
            ..Place::new()
        };
        let (of_each, servers) = drives.layout();
        let mut server = Self {
            place,
            program,
            drives,
            ports: (0..servers).map(|_| Port::any()).collect(),
            version,
            running: Vec::new(),
        };
        for drive in 0..of_each * servers {
            fs::create_dir(server.drive(drive)).expect("a drive");
        }
        server.run().await;
        Some(server)
    }

    /// Where it listens, as a URL; of several servers the first.
    pub fn endpoint(&self) -> String {
        self.ports
            .iter()
            .take(1)
            .map(|port| on(port.number()))
            .collect()
    }

    /// As it calls itself, and on how many drives: `MinIO DEVELOPMENT.GOGET, 4 servers with a drive each`.
    pub fn version(&self) -> String {
        let drives = match self.drives {
            Drives::One => "1 drive",
            Drives::Four => "4 drives",
            Drives::FourServers => "4 servers with a drive each",
        };
        format!("MinIO {}, {drives}", self.version)
    }

    /// The folder that stands for a drive, from 0.
    pub fn drive(&self, number: usize) -> PathBuf {
        self.place.path().join(format!("drive{}", number + 1))
    }

    /// Takes a drive out of the running server: its folder is moved away. A file is left in its place, or the server would
    /// make a new drive there within seconds.
    ///
    /// # Panics
    /// If it is not there.
    pub fn take_out(&self, drive: usize) {
        let folder = self.drive(drive);
        fs::rename(&folder, away(&folder)).expect("the drive can be moved");
        fs::write(&folder, "").expect("its place can be taken");
    }

    /// Puts it back as it was.
    ///
    /// # Panics
    /// If it was not taken out, or something else is in its place.
    pub fn put_back(&self, drive: usize) {
        let folder = self.drive(drive);
        fs::remove_file(&folder).expect("its place can be cleared");
        fs::rename(away(&folder), &folder).expect("the drive can be moved back");
    }

    /// Whether a drive that was taken out still is: the server has made no new one in its place.
    pub fn is_out(&self, drive: usize) -> bool {
        let folder = self.drive(drive);
        folder.is_file() && away(&folder).exists()
    }

    /// Ends it, and waits until it has: its folder is removed after that.
    pub async fn stop(mut self) {
        for running in self.running.drain(..) {
            running.end().await;
        }
    }

    async fn run(&mut self) {
        let drives = self.addresses();
        for port in &self.ports {
            self.running.push(self.serve(port.number(), &drives));
        }
        for (port, running) in self.ports.iter().zip(&mut self.running) {
            wait_until(&self.place, running, async || {
                is_ready(port.number()).await.unwrap_or(false)
            })
            .await;
        }
    }

    /// Its drives, as each of its servers is told them.
    fn addresses(&self) -> Vec<String> {
        let folder = self.place.path().display();
        match self.drives {
            Drives::One => vec![format!("{folder}/drive1")],
            Drives::Four => vec![format!("{folder}/drive{{1...4}}")],
            Drives::FourServers => {
                let servers = self.ports.iter().map(|port| on(port.number())).zip(1..);
                servers
                    .map(|(server, number)| format!("{server}{folder}/drive{number}"))
                    .collect()
            }
        }
    }

    fn serve(&self, port: u16, drives: &[String]) -> Running {
        let settings = [
            format!("HOME={}", self.place.path().display()),
            format!("MINIO_ROOT_USER={}", Self::ACCESS_KEY_ID),
            format!("MINIO_ROOT_PASSWORD={}", Self::SECRET_ACCESS_KEY),
            "MINIO_BROWSER=off".to_owned(),
            // Without it several drives on the disk of the system itself are refused.
            "MINIO_CI_CD=1".to_owned(),
            // In a container it would wait for a name that does not lead to itself.
            format!("_MINIO_SERVER_LOCAL=127.0.0.1:{port}"),
            self.program.to_string_lossy().into_owned(),
        ];
        let address = format!("127.0.0.1:{port}");
        let mut arguments: Vec<&str> = settings.iter().map(String::as_str).collect();
        arguments.extend(["server", "--address", &address, "--quiet"]);
        arguments.extend(drives.iter().map(String::as_str));
        self.place
            .run("KILL", Path::new("/usr/bin/env"), &arguments)
    }
}

fn on(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// `/minio/health/ready` says yes before anything is initialised.
async fn is_ready(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = "GET /minio/health/cluster HTTP/1.0\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut head = String::new();
    BufReader::new(stream).read_line(&mut head).await?;
    Ok(head.split(' ').nth(1) == Some("200"))
}

fn away(folder: &Path) -> PathBuf {
    folder.with_extension("away")
}

fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return Some(PathBuf::from(named));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(PROGRAM))
        .find(|file| file.is_file())
}

/// `minio version RELEASE.2025-09-07T16-13-09Z (commit-id=…)`, and more lines.
fn version(said: &str) -> String {
    let mut words = said
        .split_whitespace()
        .skip_while(|word| *word != "version");
    words.nth(1).unwrap_or("of unknown version").to_owned()
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn its_version_is_what_it_says() {
        let said = "minio version DEVELOPMENT.GOGET (commit-id=DEVELOPMENT.GOGET)\nRuntime: go1.26";
        assert_eq!(version(said), "DEVELOPMENT.GOGET");
        assert_eq!(version("something else"), "of unknown version");
    }
}
