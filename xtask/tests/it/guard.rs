//! The guard as `dev` uses it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

fn guarded(script: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["guard", "--", "sh", "-c", script]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts")
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let out = child.stdout.take().expect("is piped");
    BufReader::new(out).read_line(&mut line).expect("reads");
    line.trim().to_owned()
}

fn is_gone(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.is_empty() || state.contains(") Z ")
}

fn ended(guard: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(status) = guard.try_wait().expect("can be asked") {
            return status;
        }
        assert!(Instant::now() < deadline, "the guard does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_guarded_program_ends_with_whoever_holds_it() {
    let mut guard = guarded("echo $$; exec sleep 600");
    let pid = first_line(&mut guard);
    assert!(!is_gone(&pid), "it must run while it is held");
    drop(guard.stdin.take());
    ended(&mut guard);
    assert!(is_gone(&pid), "the program outlived its holder");
}

#[test]
fn the_exit_code_is_handed_on() {
    let mut guard = guarded("exit 42");
    // Not by `wait`, which would let go of stdin first.
    assert_eq!(ended(&mut guard).code(), Some(42));
}
