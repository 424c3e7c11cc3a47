use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::file::{Services, has_owner, read};
use super::prepare_data_directory;
use crate::files::FileError;
use crate::guard::wait_for_end_of_input;

/// The argument by which the program learns that its stdin is the pipe to whoever started it: it calls
/// [`end_of_input`] and stops then.
pub const WITH_PARENT: &str = "--with-parent";

const GLANCE: Duration = Duration::from_millis(50);
const REPORT: Duration = Duration::from_secs(5);
/// The services' own patience with requests and with the database, and a little.
const STOP_TIME: Duration = Duration::from_secs(50);

/// How to get at the services of a data directory.
#[derive(Debug, Clone)]
pub struct AttachOptions {
    /// See [`data_directory`](super::data_directory). Made if it is not there.
    pub data_directory: PathBuf,
    /// Started as `program services --with-parent`, with `SLUICEGATE_DATA` in its environment, where nothing
    /// runs. It must call [`run`](super::run).
    pub program: PathBuf,
    /// How long that may take.
    pub patience: Duration,
}

/// Why there are no services.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The program could not be started.
    #[error("cannot start {}: {source}", program.display())]
    Start {
        /// Which.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended instead of serving; its output says why.
    #[error("the embedded services did not start ({0})")]
    Ended(ExitStatus),
    /// They did not answer in time.
    #[error("the embedded services did not answer within {0:?}")]
    TooSlow(Duration),
}

/// Services that can be used, and the process that was started for them, if one was.
#[derive(Debug)]
pub struct Attached {
    /// Where they are.
    pub services: Services,
    child: Option<Child>,
}

impl Attached {
    /// Whether they were started by this call and stop with us.
    pub fn is_ours(&self) -> bool {
        self.child.is_some()
    }

    /// Whether they are gone for good: the process that was started for them has ended, or, if
    /// they are somebody else's, nobody owns the directory any more. Services that only answer slowly are not.
    pub fn is_gone(&mut self, data_directory: &Path) -> Result<bool, FileError> {
        match &mut self.child {
            Some(child) => Ok(!matches!(child.try_wait(), Ok(None))),
            None => Ok(!has_owner(data_directory)?),
        }
    }

    /// Stops them, if they are ours, and waits until they are gone. Dropping the value, or our death,
    /// stops them too.
    pub async fn stop(self) {
        let Some(mut child) = self.child else { return };
        drop(child.stdin.take());
        let deadline = Instant::now() + STOP_TIME;
        while Instant::now() < deadline {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            sleep(GLANCE).await;
        }
        tracing::warn!("the embedded services take long to stop and are left to themselves");
    }
}

/// Finds the services of a directory, or starts them and waits until they answer.
pub async fn attach_or_start(options: &AttachOptions) -> Result<Attached, AttachError> {
    let folder = &options.data_directory;
    prepare_data_directory(folder)?;
    if let Some(services) = read(folder).await? {
        tracing::info!(pid = services.pid, "using the embedded services that run");
        return Ok(Attached {
            services,
            child: None,
        });
    }
    let mut child: Option<Child> = None;
    let begun = Instant::now();
    let mut next_report = begun + REPORT;
    tracing::info!(folder = %folder.display(), "starting the embedded services");
    while begun.elapsed() < options.patience {
        if let Some(services) = read(folder).await? {
            // If another process was faster, ours has ended, or is about to.
            let child = child.filter(|child| child.id() == services.pid);
            return Ok(Attached { services, child });
        }
        let ended = child
            .as_mut()
            .and_then(|child| child.try_wait().ok().flatten());
        match (ended, has_owner(folder)?) {
            (Some(status), false) => return Err(AttachError::Ended(status)),
            // Another owner is just starting, or stopping; if it stops, we start one.
            (Some(_), true) => child = None,
            (None, false) if child.is_none() => child = Some(start(options)?),
            (None, _) => {}
        }
        if Instant::now() > next_report {
            next_report += REPORT;
            let seconds = begun.elapsed().as_secs();
            tracing::info!("still waiting for the embedded services ({seconds} s)");
        }
        sleep(GLANCE).await;
    }
    Err(AttachError::TooSlow(options.patience))
}

/// In a process group of its own: a Ctrl-C is ours, and we still need them while we drain.
fn start(options: &AttachOptions) -> Result<Child, AttachError> {
    Command::new(&options.program)
        .args(["services", WITH_PARENT])
        .env("SLUICEGATE_DATA", &options.data_directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|source| AttachError::Start {
            program: options.program.clone(),
            source,
        })
}

/// Ends when whoever holds the other end of our stdin is gone. Takes a thread until then.
pub async fn end_of_input() {
    let (done, ended) = oneshot::channel();
    thread::spawn(move || {
        wait_for_end_of_input();
        // Nobody may be waiting any more.
        let _ = done.send(());
    });
    let _ = ended.await;
}
