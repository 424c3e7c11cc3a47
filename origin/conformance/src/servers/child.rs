#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sluicegate_embedded::{Account, to_drop_to};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub(super) const GLANCE: Duration = Duration::from_millis(20);
/// How long a server may take to be ready, and to be gone.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Ends the server (by the signal `$0`) when the pipe on its input closes, which it does however a test ends.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null & server=$!
{ while read -r _ <&3; do :; done; kill -"$0" $server; } 2>/dev/null & watcher=$!
wait $server
kill $watcher 2>/dev/null
"#;

/// A folder that the server's user owns: root's servers run as somebody else.
pub(super) struct Place {
    pub(super) folder: TempDir,
    pub(super) user: Option<Account>,
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("sluicegate-server-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a folder");
        let place = Self {
            folder,
            user: to_drop_to(),
        };
        place.give(place.path());
        place
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a file the server's.
    pub(super) fn give(&self, path: &Path) {
        if let Some(user) = self.user {
            chown(path, Some(user.uid), Some(user.gid)).expect("can be given away");
        }
    }

    /// Writes a file that the server may read.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::write(&path, text).expect("can be written");
        self.give(&path);
    }

    /// A command in this folder, as the server's user.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        self.clothe(&mut command);
        command
    }

    /// Runs the program until the returned guard is dropped or ended; then it is sent `signal`.
    pub(super) fn run(&self, signal: &str, program: &Path, arguments: &[&str]) -> Running {
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.path().join("log"))
            .expect("a log");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GUARD, signal]).arg(program);
        command.args(arguments).stdin(Stdio::piped());
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        self.clothe(&mut command);
        // A Ctrl-C reaches the test alone, which then lets go of the pipe.
        let guard = command.process_group(0).spawn().expect("starts");
        Running(guard)
    }

    fn clothe(&self, command: &mut Command) {
        command
            .current_dir(self.path())
            .env_clear()
            .env("TZ", "UTC")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin");
        if let Some(user) = self.user {
            command.gid(user.gid).uid(user.uid);
        }
    }

    /// What the server wrote.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }
}

/// A server that runs.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Tells it to end, and waits until it has.
    pub(super) async fn end(mut self) {
        drop(self.0.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < deadline, "the server does not end");
            sleep(GLANCE).await;
        }
    }
}

/// Waits until `ready` says so; fails with the server's log if it ends before.
pub(super) async fn wait_until(
    place: &Place,
    running: &mut Running,
    mut ready: impl AsyncFnMut() -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    while !ready().await {
        let ended = running.has_ended();
        assert!(!ended, "the server ended: {}", place.log());
        assert!(
            Instant::now() < deadline,
            "the server is not ready: {}",
            place.log()
        );
        sleep(GLANCE).await;
    }
}
