use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use rustix::process::{Pid, Resource, Rlimit};
use sluicegate_picture::{Caps, lock_down};

type Attempt = Box<dyn Fn() -> io::Result<()>>;

/// What must work before the lockdown, or the probe proves nothing, and must fail behind it.
fn attempts(parent: Pid, server: SocketAddr) -> Vec<(&'static str, Attempt)> {
    vec![
        ("open", Box::new(|| File::open("/proc/self/exe").map(drop))),
        ("create", Box::new(create)),
        ("list", Box::new(|| fs::read_dir("/").map(drop))),
        (
            "listen",
            Box::new(|| TcpListener::bind("127.0.0.1:0").map(drop)),
        ),
        (
            "connect",
            Box::new(move || TcpStream::connect(server).map(drop)),
        ),
        ("udp", Box::new(|| UdpSocket::bind("127.0.0.1:0").map(drop))),
        ("unix socket", Box::new(|| UnixStream::pair().map(drop))),
        (
            "thread",
            Box::new(|| thread::Builder::new().spawn(|| ()).map(drop)),
        ),
        ("exec", Box::new(exec)),
        ("set a limit", Box::new(set_a_limit)),
        (
            "signal the parent",
            Box::new(move || Ok(rustix::process::test_kill_process(parent)?)),
        ),
    ]
}

fn create() -> io::Result<()> {
    let path = std::env::temp_dir().join(format!("sluicegate-probe-{}", std::process::id()));
    fs::write(&path, "x")?;
    fs::remove_file(&path)
}

fn exec() -> io::Result<()> {
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["0", "0", "0"])
        .stdout(Stdio::null())
        .status()
        .map(drop)
}

fn set_a_limit() -> io::Result<()> {
    let nothing = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    Ok(rustix::process::setrlimit(Resource::Core, nothing)?)
}

/// Prints a line an attempt: its name, how it went before the lockdown, how behind it.
pub(crate) fn run(caps: Caps) -> ExitCode {
    match probe(caps) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn probe(caps: Caps) -> io::Result<()> {
    let parent = rustix::process::getppid().ok_or_else(|| io::Error::other("no parent"))?;
    let server = TcpListener::bind("127.0.0.1:0")?;
    let attempts = attempts(parent, server.local_addr()?);
    let before: Vec<_> = attempts.iter().map(|(_, attempt)| attempt()).collect();
    lock_down(caps).map_err(io::Error::other)?;
    let mut out = io::stdout().lock();
    for ((name, attempt), before) in attempts.iter().zip(before) {
        writeln!(out, "{name}: {}, {}", word(&before), word(&attempt()))?;
    }
    Ok(())
}

fn word(outcome: &io::Result<()>) -> &'static str {
    match outcome {
        Ok(()) => "works",
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => "refused",
        Err(_) => "fails",
    }
}
