//! Programs as children.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::secrets;
use crate::wait::wait_for;

/// Lines that are kept of each program's output.
pub const KEPT_LINES: usize = 20_000;
/// How long a program that is gone is read on: a child of its own may still hold its output open.
const REST: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(5);

/// Where cargo put a program of ours: beside the tests that were built with it.
pub fn program(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here
        .ancestors()
        .find(|folder| folder.join(name).is_file())
        .with_context(|| format!("{name} is not built: use `cargo xtask test` or `demo`"))?;
    Ok(folder.join(name))
}

/// A running program, whose output is kept. Killed when it is dropped.
///
/// No secret may stand in that output: each line is looked at when it comes, and once more at the end, when
/// more secrets are known. One that does is a panic of whoever drops the program.
///
/// Its standard input is a pipe that ends when we do: services of ours that are told to watch it then
/// stop, however we end. Threads read its output, not tasks: a platform that several tests share outlives the runtime of
/// the test that started it.
pub struct Program {
    name: String,
    child: Child,
    output: Arc<Mutex<Output>>,
    readers: Vec<JoinHandle<()>>,
    /// Files that it logs to as well.
    logs: Vec<PathBuf>,
}

#[derive(Default)]
struct Output {
    lines: Vec<String>,
    /// Lines that have a secret, and what it is.
    leaks: Vec<(&'static str, String)>,
}

impl Output {
    fn take(&mut self, line: String) {
        if let Some(what) = secrets::find(&line) {
            self.leaks.push((what, line.clone()));
        }
        if self.lines.len() < KEPT_LINES {
            self.lines.push(line);
        }
    }
}

impl Program {
    /// Starts a program with nothing in its environment but what is given and what a shell needs.
    pub fn start(
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Result<Self> {
        Self::start_as(None, program, arguments, environment)
    }

    /// The same as another user (and the group of the same number), which only root can do.
    pub fn start_as(
        user: Option<u32>,
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Result<Self> {
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        for kept in ["PATH", "HOME", "TMPDIR", "USER", "SLUICEGATE_POSTGRES_BIN"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        secrets::register_settings(environment);
        let mut child = command
            .envs(environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let output = Arc::default();
        let readers = [
            keep_lines(child.stdout.take(), &output),
            keep_lines(child.stderr.take(), &output),
        ];
        Ok(Self {
            name,
            child,
            output,
            readers: readers.into_iter().flatten().collect(),
            logs: Vec::new(),
        })
    }

    /// The same for a file that it logs to.
    #[must_use]
    pub fn with_log(mut self, file: PathBuf) -> Self {
        self.logs.push(file);
        self
    }

    /// Waits for a line of output that contains `text`, and answers what follows it there.
    pub async fn wait_for_line(&mut self, text: &str, limit: Duration) -> Result<String> {
        let what = format!("{text:?} from {}", self.name);
        let found = wait_for(what, limit, async || {
            // Asked first: what it said last is read by then.
            let all_read = self.readers.iter().all(JoinHandle::is_finished);
            let line = self.output().into_iter().find(|line| line.contains(text));
            if line.is_none()
                && all_read
                && let Some(status) = self.child.try_wait()?
            {
                bail!("{} ended with {status} before it said {text:?}", self.name);
            }
            Ok(line)
        })
        .await
        .with_context(|| format!("{} said:\n{}", self.name, self.output().join("\n")))?;
        let start = found.find(text).unwrap_or_default() + text.len();
        Ok(found.get(start..).unwrap_or_default().trim().to_owned())
    }

    /// What it has written so far, both streams.
    pub fn output(&self) -> Vec<String> {
        self.output
            .lock()
            .map(|output| output.lines.clone())
            .unwrap_or_default()
    }

    /// Its process id.
    pub fn pid(&self) -> Result<Pid> {
        i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("a process id")
    }

    /// Fails if it has ended.
    pub fn must_run(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let output = self.output();
                let last = output
                    .get(output.len().saturating_sub(20)..)
                    .unwrap_or_default();
                bail!("{} ended with {status}:\n{}", self.name, last.join("\n"))
            }
        }
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.child
            .kill()
            .with_context(|| format!("cannot kill {}", self.name))?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end, and waits until it has; fails if it did not end with 0.
    pub async fn stop(self, limit: Duration) -> Result<()> {
        kill_process(self.pid()?, Signal::TERM)?;
        self.wait(limit).await
    }

    /// The same for a program that watches its standard input instead of signals.
    pub async fn stop_by_input(mut self, limit: Duration) -> Result<()> {
        drop(self.child.stdin.take());
        self.wait(limit).await
    }

    /// Waits until it has ended by itself with 0, and answers what it wrote.
    pub async fn finish(mut self, limit: Duration) -> Result<Vec<String>> {
        let what = format!("{} to end by itself", self.name);
        let status = wait_for(what, limit, async || Ok(self.child.try_wait()?)).await?;
        for reader in self.readers.drain(..) {
            // It ends with the stream that it reads.
            let _ = reader.join();
        }
        let output = self.output();
        if !status.success() {
            bail!("{} ended with {status}:\n{}", self.name, output.join("\n"));
        }
        Ok(output)
    }

    /// What it has written that nobody may write.
    fn leaks(&mut self) -> Vec<(&'static str, String)> {
        let until = Instant::now() + REST;
        for reader in self.readers.drain(..) {
            while !reader.is_finished() && Instant::now() < until {
                std::thread::sleep(LOOK);
            }
        }
        let mut leaks = Vec::new();
        let find = |line: &str| secrets::find(line).map(|what| (what, line.to_owned()));
        if let Ok(output) = self.output.lock() {
            leaks.extend(output.leaks.iter().cloned());
            leaks.extend(output.lines.iter().filter_map(|line| find(line)));
        }
        for log in &self.logs {
            let text = std::fs::read(log).unwrap_or_default();
            leaks.extend(String::from_utf8_lossy(&text).lines().filter_map(find));
        }
        leaks.sort_unstable();
        leaks.dedup();
        leaks
    }

    async fn wait(mut self, limit: Duration) -> Result<()> {
        let what = format!("{} to end", self.name);
        let status = wait_for(what, limit, async || Ok(self.child.try_wait()?)).await?;
        if !status.success() {
            bail!(
                "{} ended with {status}:\n{}",
                self.name,
                self.output().join("\n")
            );
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let leaks = self.leaks();
        let said = leaks.iter().map(|(what, line)| format!("\n{what}: {line}"));
        let said = format!("{} logged secrets:{}", self.name, said.collect::<String>());
        if std::thread::panicking() && !leaks.is_empty() {
            // A second panic would end all tests.
            eprintln!("{said}");
        } else {
            assert!(leaks.is_empty(), "{said}");
        }
    }
}

/// The processes below `parent`, from /proc.
pub fn children_of(parent: Pid) -> Vec<Pid> {
    let path = format!("/proc/{0}/task", parent.as_raw_nonzero());
    // A process that has ended has no children.
    let tasks = std::fs::read_dir(path).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw))
        .collect()
}

fn keep_lines<R: Read + Send + 'static>(
    stream: Option<R>,
    output: &Arc<Mutex<Output>>,
) -> Option<JoinHandle<()>> {
    let stream = stream?;
    let output = Arc::clone(output);
    Some(std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Ok(mut output) = output.lock() {
                output.take(line);
            }
        }
    }))
}
