//! The command line: from arguments and environment to an exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use sluicegate_picture::{CHILD_COMMAND, child_main};

use crate::cli::{Cli, Command};
use crate::settings::{REFERENCE, Settings};
use crate::traces::Pending;
use crate::{commands, detector, doctor, logging, schema, serve, services};

/// A setting is wrong (`EX_USAGE` of sysexits).
const WRONG_SETTINGS: u8 = 64;

/// Runs the program. The two hidden commands come first: they must start before any runtime, thread
/// or log, for one locks itself down and the other outlives us.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments
        .next()
        .as_deref()
        .and_then(std::ffi::OsStr::to_str)
    {
        Some(CHILD_COMMAND) => return child_main(arguments),
        Some("guard") => return sluicegate_embedded::guard::main(arguments),
        _ => {}
    }
    let cli = Cli::parse();
    if matches!(cli.command, Command::Settings) {
        print!("{REFERENCE}");
        return ExitCode::SUCCESS;
    }
    match Settings::from_env() {
        Ok(settings) => start(&cli.command, &settings),
        Err(wrong) => {
            eprintln!("error: {wrong}");
            eprintln!("`sluicegate-origin settings` explains every setting");
            ExitCode::from(WRONG_SETTINGS)
        }
    }
}

/// This program's file, to start it again. It stays the same even if another is installed in its place.
pub fn own_file() -> anyhow::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        Ok(running.to_owned())
    } else {
        Ok(std::env::current_exe()?)
    }
}

fn start(command: &Command, settings: &Settings) -> ExitCode {
    // Fails only if somebody has chosen before us, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ran = logging::start(settings).and_then(|traces| {
        raise_file_limit();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let traces = traces.map(Pending::start).transpose()?;
            let ran = run(command, settings).await;
            if let Some(traces) = traces {
                traces.finish().await;
            }
            ran
        })
    });
    ran.unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        ExitCode::FAILURE
    })
}

/// Each connection is a file; the usual soft limit of 1024 is for programs that use `select`.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, ?limit, "the limit of open files stays as it is");
    }
}

async fn run(command: &Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(options) => serve::serve(settings, *options).await,
        Command::Work(options) => serve::work(settings, options).await,
        Command::Services { with_parent } => services::command(settings, *with_parent).await,
        Command::Migrate => schema::command(settings).await,
        Command::Bucket { command } => commands::bucket::command(settings, *command).await,
        Command::Sweep(options) => commands::sweep::command(settings, options).await,
        Command::Keys { command } => commands::keys::command(settings, *command).await,
        Command::Grant(options) => commands::grant::command(settings, options).await,
        Command::Jobs(what) => commands::jobs::command(settings, what).await,
        Command::Detector => detector::run(settings).await,
        Command::Doctor(options) => doctor::command(settings, *options).await,
        Command::Settings => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    #[test]
    fn as_many_files_as_allowed() {
        let before = getrlimit(Resource::Nofile);
        let lower = Rlimit {
            current: Some(256),
            ..before
        };
        setrlimit(Resource::Nofile, lower).unwrap();
        super::raise_file_limit();
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }
}
