//! Programs: started in process groups of their own, watched, stopped in order, never left behind.
//!
//! A [`Service`] runs below a guard (`guard.rs`) that stops it when our end of a pipe closes, so it
//! ends even if we are killed with -9.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How often a waiting loop looks up.
const LOOK: Duration = Duration::from_millis(50);
/// How long a program may take to end when it is asked to.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
/// Lines kept for [`Service::wait_for_line`]; later ones are printed only.
const LINES: usize = 1_024;

/// Whether somebody asked us to stop (SIGINT or SIGTERM).
#[derive(Clone)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Takes over both signals for the rest of this process's life.
    pub(crate) fn on_signals() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error once somebody asked.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(!self.asked(), "stopped");
        Ok(())
    }

    /// Sleeps for a moment, or not at all once somebody asked.
    pub(crate) fn pause(&self) -> Result<()> {
        self.check()?;
        thread::sleep(LOOK);
        self.check()
    }
}

/// How a command is called in messages.
pub(crate) fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a program to its end; anything but success is an error.
pub(crate) fn run(stop: &Stop, command: &mut Command) -> Result<()> {
    let what = describe(command);
    let status = status(stop, command)?;
    if !status.success() {
        bail!("`{what}` failed ({status})");
    }
    Ok(())
}

/// Runs a program to its end, and stops it if we are asked to stop.
pub(crate) fn status(stop: &Stop, command: &mut Command) -> Result<ExitStatus> {
    let mut child = spawn(command.stdin(Stdio::null()))?;
    wait(stop, &mut child)
}

/// Runs a program to its end and hands on each line that it prints to stdout.
pub(crate) fn for_each_line(
    stop: &Stop,
    command: &mut Command,
    mut on_line: impl FnMut(&str),
) -> Result<ExitStatus> {
    let mut child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let out = child.stdout.take().context("stdout was piped")?;
    let (sender, lines) = sync_channel(LINES);
    thread::spawn(move || read_lines(out, |line| sender.send(line).is_ok()));
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(line) => on_line(&line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return wait(stop, &mut child),
        }
        if stop.asked() {
            end(&mut child, PATIENCE);
            bail!("stopped");
        }
    }
}

/// What a program prints, or `None` if it cannot be run or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A group of its own: a Ctrl-C in the terminal reaches us alone, and we stop things in order.
pub(crate) fn spawn(command: &mut Command) -> Result<Child> {
    let what = describe(command);
    command
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start `{what}`"))
}

fn wait(stop: &Stop, child: &mut Child) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if stop.asked() {
            end(child, PATIENCE);
            bail!("stopped");
        }
        thread::sleep(LOOK);
    }
}

/// Asks a child's whole group to end, and kills what is left of it when patience is over.
pub(crate) fn end(child: &mut Child, patience: Duration) {
    let pid = Pid::from_child(child);
    // A group that is gone already is what we want: errors say nothing new.
    let _ = kill_process_group(pid, Signal::TERM);
    if !ended_within(child, patience) {
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = child.wait();
    }
}

/// As [`end`], but asks the child alone and lets it see to its own children.
pub(crate) fn end_politely(child: &mut Child, patience: Duration) {
    let pid = Pid::from_child(child);
    let _ = kill_process(pid, Signal::TERM);
    if !ended_within(child, patience) {
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = child.wait();
    }
}

fn ended_within(child: &mut Child, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            return true;
        }
        thread::sleep(LOOK);
    }
    false
}

fn read_lines(out: ChildStdout, mut on_line: impl FnMut(String) -> bool) {
    let mut reader = BufReader::new(out);
    let mut line = Vec::new();
    // Tests may print what is no UTF-8.
    while matches!(reader.read_until(b'\n', &mut line), Ok(n) if n > 0) {
        let text = String::from_utf8_lossy(&line)
            .trim_end_matches(['\n', '\r'])
            .to_owned();
        if !on_line(text) {
            return;
        }
        line.clear();
    }
}

/// A program that runs beside us until it is stopped.
pub(crate) struct Service {
    name: &'static str,
    guard: Child,
    /// Closing it stops the service.
    hold: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Service {
    /// Starts it. Its log goes to our stderr; lines of its stdout are printed with its name.
    pub(crate) fn start(name: &'static str, command: &Command) -> Result<Self> {
        let mut guarded = Command::new("/proc/self/exe");
        guarded
            .arg("guard")
            .arg("--")
            .arg(command.get_program())
            .args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => guarded.env(key, value),
                None => guarded.env_remove(key),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            guarded.current_dir(dir);
        }
        let mut guard = spawn(guarded.stdin(Stdio::piped()).stdout(Stdio::piped()))
            .with_context(|| format!("cannot start {name}"))?;
        let hold = guard.stdin.take();
        let out = guard.stdout.take().context("stdout was piped")?;
        let (sender, lines) = sync_channel(LINES);
        thread::spawn(move || read_lines(out, |line| pass_on(name, &sender, line)));
        Ok(Self {
            name,
            guard,
            hold,
            lines,
        })
    }

    /// The first line that contains `needle`.
    pub(crate) fn wait_for_line(
        &mut self,
        stop: &Stop,
        needle: &str,
        patience: Duration,
    ) -> Result<String> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            stop.check()?;
            match self.lines.recv_timeout(LOOK) {
                Ok(line) if line.contains(needle) => return Ok(line),
                Ok(_) => {}
                Err(_) => self.must_run()?,
            }
        }
        bail!(
            "{} did not say `{needle}` within {} s",
            self.name,
            patience.as_secs()
        )
    }

    /// An error once it has ended.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        match self.guard.try_wait()? {
            Some(status) => bail!("{} ended by itself ({status})", self.name),
            None => Ok(()),
        }
    }

    /// Stops it and waits until it is gone.
    pub(crate) fn stop(&mut self) {
        self.hold = None;
        // The guard needs its own patience first.
        if !ended_within(&mut self.guard, PATIENCE + Duration::from_secs(5)) {
            end(&mut self.guard, Duration::from_secs(1));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Prints a line and keeps it if there is room: whoever waits for a line reads them as they come.
fn pass_on(name: &str, sender: &SyncSender<String>, line: String) -> bool {
    println!("{name} | {line}");
    let _ = sender.try_send(line);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn stop() -> Stop {
        Stop(Arc::new(AtomicBool::new(false)))
    }

    #[test]
    fn lines_arrive_in_order_with_the_status() {
        let mut seen = Vec::new();
        let status = for_each_line(
            &stop(),
            &mut shell("echo a; printf 'b\\377'; exit 3"),
            |line| {
                seen.push(line.to_owned());
            },
        );
        assert_eq!(status.expect("runs").code(), Some(3));
        assert_eq!(seen, ["a", "b\u{fffd}"]);
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(&stop(), &mut shell("exit 7"))
            .expect_err("must fail")
            .to_string();
        assert!(error.contains("sh -c exit 7"), "{error}");
    }

    #[test]
    fn a_request_to_stop_ends_the_child_and_its_children() {
        let stop = stop();
        let flag = stop.clone();
        let mut pids = String::new();
        let done = for_each_line(&stop, &mut shell("sleep 600 & echo $$ $!; wait"), |line| {
            pids.push_str(line);
            flag.0.store(true, Ordering::Relaxed);
        });
        assert!(done.is_err());
        let deadline = Instant::now() + Duration::from_secs(10);
        for pid in pids.split(' ') {
            // The grandchild was told, too, but nobody could wait for it.
            while !is_gone(pid) {
                assert!(Instant::now() < deadline, "{pid} still runs");
                thread::sleep(LOOK);
            }
        }
    }

    fn is_gone(pid: &str) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    }
}
