//! A database of a test's own, that can be down for a while.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;

use crate::platform::{Options, data_directory, service, start_services};
use crate::process::{Program, program};
use crate::wait::wait_for;

const LIMIT: Duration = Duration::from_mins(1);

/// An embedded database whose other services nobody uses.
pub struct Database {
    services: Option<Program>,
    data: TempDir,
}

impl Database {
    /// Starts one, with the schema in it.
    pub async fn start() -> Result<Self> {
        let data = data_directory()?;
        let services = Some(start_services(data.path(), &Options::default()).await?);
        let database = Self { services, data };
        let setting = [("DATABASE_URL".to_owned(), database.url()?)];
        Program::start(&program("sluicegate-origin")?, &["migrate"], &setting)?
            .finish(LIMIT)
            .await?;
        Ok(database)
    }

    /// For `DATABASE_URL`.
    pub fn url(&self) -> Result<String> {
        let url = service(self.data.path(), "database_url")?;
        // The one that is always there.
        let server = url.strip_suffix("/sluicegate").context("its name")?;
        Ok(format!("{server}/postgres"))
    }

    /// The process that accepts connections, and what its note says of it: which it is, and since when it runs.
    pub fn postmaster(&self) -> Result<(Pid, String)> {
        postmaster(self.data.path())
    }

    /// Shuts it down: connections are cut, committed data is kept. It stays down.
    pub async fn stop(&mut self) -> Result<()> {
        let (pid, _) = self.postmaster()?;
        let mut services = self.services.take().context("it runs")?;
        services.must_run()?;
        kill_process(pid, Signal::INT)?;
        wait_for("the database to end", LIMIT, async || {
            let gone = test_kill_process(pid).is_err();
            // Who keeps it sees that, and ends too.
            Ok((gone && services.must_run().is_err()).then_some(()))
        })
        .await?;
        ensure!(self.postmaster().is_err(), "another one runs");
        Ok(())
    }

    /// Starts it again.
    pub async fn start_again(&mut self) -> Result<()> {
        ensure!(self.services.is_none(), "it runs");
        let services = start_services(self.data.path(), &Options::default()).await?;
        self.services = Some(services);
        Ok(())
    }

    /// Ends it.
    pub async fn end(mut self) -> Result<()> {
        let services = self.services.take().context("it runs")?;
        services.stop_by_input(crate::platform::STOP_LIMIT).await
    }
}

/// The same of the services of a data directory.
pub(crate) fn postmaster(data: &Path) -> Result<(Pid, String)> {
    let note = data.join("postgres/data/postmaster.pid");
    let note = std::fs::read_to_string(note).context("nobody runs")?;
    let mut lines = note.lines();
    let pid = lines.next().and_then(|pid| pid.trim().parse().ok());
    let pid = pid.and_then(Pid::from_raw).context("a process id")?;
    let since = lines.nth(1).context("its start")?;
    Ok((pid, format!("{} since {since}", pid.as_raw_nonzero())))
}
