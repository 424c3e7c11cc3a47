use std::ffi::OsString;
use std::io::Read;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::{PATIENCE, Stop, end_politely, spawn};

/// Runs a program, and stops it when stdin ends: whoever holds the other end of that pipe has
/// closed it, or is dead.
pub(crate) fn main(stop: &Stop, command: &[OsString]) -> Result<ExitCode> {
    let (program, arguments) = command.split_first().context("no program to guard")?;
    let mut child = spawn(Command::new(program).args(arguments).stdin(Stdio::null()))?;
    let (sender, closed) = channel();
    thread::spawn(move || {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(n) if n > 0) {}
        let _ = sender.send(());
    });
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(code_of(status));
        }
        let told = closed.recv_timeout(Duration::from_millis(50));
        if stop.asked() || told != Err(RecvTimeoutError::Timeout) {
            end_politely(&mut child, PATIENCE);
            return Ok(child.wait().map_or(ExitCode::FAILURE, code_of));
        }
    }
}

fn code_of(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
