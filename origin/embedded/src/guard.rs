//! A small process between us and a service, so that the service never outlives us.
//!
//! Whoever is killed with SIGKILL cannot stop its children. The guard can: it holds the reading end
//! of a pipe whose writing end is ours, and at its end of file, which comes however we end, it
//! asks the service to stop. It lives in a process group of its own, so that a Ctrl-C at the terminal
//! reaches us alone and we can finish our work on the service first. For the same reason it ignores the
//! SIGTERM that service managers send to every process at once: it obeys the end of the pipe alone.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::account::Account;

/// What the guard is made of.
#[derive(Debug, Clone)]
pub enum Guard {
    /// A program that calls [`main`] when its first argument is `guard`.
    Program(PathBuf),
    /// A few lines of `/bin/sh`; for tests, where no such program is at hand.
    Shell,
}

/// How long a service may take to stop before it is told to drop everything.
const PATIENCE: Duration = Duration::from_secs(20);

/// `"$0"`: a folder to remove at the end, or nothing. Postgres sets its own handler for the SIGINT
/// that a shell's background processes ignore.
const SCRIPT: &str = r#"
exec 3<&0
"$@" </dev/null & service=$!
{ while read -r _ <&3; do :; done; kill -INT $service; } 2>/dev/null & watcher=$!
wait $service; code=$?
kill $watcher 2>/dev/null
test -z "$0" || rm -rf "$0"
exit $code
"#;

impl Guard {
    /// The command that runs `service` below this guard. The caller gives it a piped stdin and keeps that.
    pub(crate) fn command(
        &self,
        service: &Path,
        user: Option<Account>,
        remove: Option<&Path>,
    ) -> Command {
        let remove = remove.map_or(OsStr::new(""), Path::as_os_str);
        let mut command = match self {
            Self::Program(program) => {
                let user = user
                    .map(|of| format!("{}:{}", of.uid, of.gid))
                    .unwrap_or_default();
                let mut command = Command::new(program);
                command.arg("guard").arg(user).arg(remove);
                command
            }
            Self::Shell => {
                let mut command = Command::new("/bin/sh");
                command.arg("-c").arg(SCRIPT).arg(remove);
                if let Some(user) = user {
                    command.gid(user.gid).uid(user.uid);
                }
                command
            }
        };
        command.arg(service).stdin(Stdio::piped()).process_group(0);
        command
    }
}

/// Entry of the guard as a process: `args` are those after the word `guard`. Call it before any
/// runtime or thread starts. Ends when the service has ended, with the service's exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match run(args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("guard: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: impl IntoIterator<Item = OsString>) -> io::Result<ExitCode> {
    outlive_signals()?;
    let mut args = args.into_iter();
    let bad = || {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "needs: UID:GID FOLDER PROGRAM …",
        )
    };
    let user = args.next().ok_or_else(bad)?;
    let remove = args.next().ok_or_else(bad)?;
    let mut command = Command::new(args.next().ok_or_else(bad)?);
    command.args(args).stdin(Stdio::null());
    if !user.is_empty() {
        let user = user
            .to_str()
            .and_then(|text| text.split_once(':'))
            .ok_or_else(bad)?;
        let uid = user.0.parse().map_err(|_| bad())?;
        let gid = user.1.parse().map_err(|_| bad())?;
        command.gid(gid).uid(uid);
    }
    let code = watch(command.spawn()?)?;
    if !remove.is_empty() {
        std::fs::remove_dir_all(&remove)?;
    }
    Ok(code)
}

/// Handlers that do nothing, not `SIG_IGN`: the service would inherit the latter.
fn outlive_signals() -> io::Result<()> {
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}

fn watch(mut service: Child) -> io::Result<ExitCode> {
    let pid = Pid::from_child(&service);
    let alive = Arc::new(Mutex::new(Some(pid)));
    let target = Arc::clone(&alive);
    thread::spawn(move || {
        wait_for_end_of_input();
        signal(&target, Signal::INT);
        thread::sleep(PATIENCE);
        signal(&target, Signal::QUIT);
    });
    // Without reaping: as long as it is a zombie its id belongs to nobody else.
    let how = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    rustix::io::retry_on_intr(|| waitid(WaitId::Pid(pid), how))?;
    *lock(&alive) = None;
    let status = service.wait()?;
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// Blocks until nobody holds the other end of our stdin.
pub(crate) fn wait_for_end_of_input() {
    let mut buffer = [0; 64];
    let mut input = io::stdin().lock();
    loop {
        match input.read(&mut buffer) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
        }
    }
}

fn signal(target: &Mutex<Option<Pid>>, signal: Signal) {
    if let Some(pid) = *lock(target) {
        // It can only fail because the service has just ended.
        let _ = kill_process(pid, signal);
    }
}

fn lock(target: &Mutex<Option<Pid>>) -> MutexGuard<'_, Option<Pid>> {
    target.lock().unwrap_or_else(PoisonError::into_inner)
}
