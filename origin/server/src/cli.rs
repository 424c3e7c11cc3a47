//! The command line as it is typed.

use clap::{Args, Parser, Subcommand};
use sluicegate_core::job::QUEUES;

/// The origin of Sluicegate: API, workers, and the services that they need.
///
/// Settings are environment variables: `sluicegate-origin settings` prints them all.
#[derive(Debug, Parser)]
#[command(name = "sluicegate-origin", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the API, and workers in the same process
    Serve(Serve),
    /// Run workers alone
    Work(Work),
    /// Run the embedded Postgres and object store until stopped; `serve` and `work` find them
    Services {
        /// Stop when stdin ends, and at no signal
        #[arg(long, hide = true)]
        with_parent: bool,
    },
    /// Bring the schema of `DATABASE_URL` to what this version needs
    Migrate,
    /// Show every setting and try every service
    Doctor,
    /// Print the commented reference of all settings
    Settings,
}

/// Options of `serve`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Serve {
    /// Leave jobs to other processes (`work`)
    #[arg(long)]
    pub no_workers: bool,
    /// Migrate `DATABASE_URL` first; the embedded database is always migrated
    #[arg(long)]
    pub migrate: bool,
}

/// Options of `work`.
#[derive(Debug, Clone, Args)]
pub struct Work {
    /// Only these queues, separated by commas
    #[arg(long, value_delimiter = ',', default_values = QUEUES, value_parser = clap::builder::PossibleValuesParser::new(QUEUES))]
    pub queues: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn unknown_queues_are_refused() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        assert!(parse("sluicegate-origin work --queues mail").is_err());
        let queues = format!("sluicegate-origin work --queues {}", QUEUES.join(","));
        assert!(
            matches!(parse(&queues), Ok(Cli { command: Command::Work(work) }) if work.queues == QUEUES)
        );
    }
}
