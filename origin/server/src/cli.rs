//! The command line as it is typed.

use clap::{Args, Parser, Subcommand};
use sluicegate_contract::ids::{InvalidId, JobId};
use sluicegate_contract::token::Role;
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
    /// The bucket of the object store
    Bucket {
        /// What to do with it
        #[command(subcommand)]
        command: Bucket,
    },
    /// Delete what nobody needs any more now; workers do it every five minutes
    Sweep(Sweep),
    /// The keys that sign access tokens
    Keys {
        /// What to do with them
        #[command(subcommand)]
        command: Keys,
    },
    /// Give an account a role, or take it back with `--role user`
    Grant(Grant),
    /// Look at jobs that failed for good, try them again, or give them up
    #[command(subcommand)]
    Jobs(Jobs),
    /// Run a detector that knows unsafe pictures by their hash alone, until there is a model
    Detector,
    /// Show every setting, try every service, and say what to do
    Doctor(Doctor),
    /// Print the commented reference of all settings
    Settings,
}

/// What can be done with the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Bucket {
    /// Make it if it is not there, let old files in `staging/` expire, and let nobody in without keys
    Init,
}

/// What can be done with signing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Keys {
    /// Show all keys, and what each is for now
    List,
    /// Add a key that signs a quarter of an hour from now; the old one verifies until its last token is over
    Rotate(Rotate),
}

/// Options of `keys rotate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct Rotate {
    /// For drills: as if it had been done so many minutes ago. Only on the embedded database
    #[arg(long, default_value_t = 0)]
    pub ago_minutes: u32,
}

/// Options of `grant`.
#[derive(Debug, Clone, Args)]
pub struct Grant {
    /// user, reviewer or operator
    #[arg(long, value_parser = role)]
    pub role: Role,
    /// Whose
    pub handle: String,
}

fn role(name: &str) -> Result<Role, String> {
    let known = Role::ALL.into_iter().find(|role| role.as_str() == name);
    known.ok_or_else(|| "must be user, reviewer or operator".to_owned())
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

/// Options of `doctor`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Doctor {
    /// Print one JSON object instead of tables
    #[arg(long, conflicts_with = "deep")]
    pub json: bool,
    /// Also compare every row with every object of the store
    #[arg(long)]
    pub deep: bool,
}

/// Options of `sweep`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Sweep {
    /// For drills: as if it were so many hours later. Only on the embedded database
    #[arg(long, default_value_t = 0)]
    pub ahead_hours: u32,

    /// First say that the bucket is this database's, whatever it says itself: from then on pictures are deleted that
    /// this database does not know
    #[arg(long)]
    pub claim_bucket: bool,
}

/// Options of `work`.
#[derive(Debug, Clone, Args)]
pub struct Work {
    /// Only these queues, separated by commas
    #[arg(long, value_delimiter = ',', default_values = QUEUES, value_parser = clap::builder::PossibleValuesParser::new(QUEUES))]
    pub queues: Vec<String>,
}

/// What can be done with jobs that failed for good.
#[derive(Debug, Clone, Subcommand)]
pub enum Jobs {
    /// List those that are dead, the oldest first, and which queues are paused
    List {
        /// Only of this queue
        #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(QUEUES))]
        queue: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Show all that is known of one job, whatever its state
    Show {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
    },
    /// Make them ready again, with all their attempts
    Retry {
        /// Which
        #[arg(value_parser = job_id)]
        ids: Vec<JobId>,
        /// All there are
        #[arg(long)]
        all: bool,
        /// With --all: only of this queue
        #[arg(long, requires = "all", value_parser = clap::builder::PossibleValuesParser::new(QUEUES))]
        queue: Option<String>,
    },
    /// Begin no more jobs of a queue, in whichever process, until `resume`; what runs ends
    Pause {
        /// Which; without it all
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(QUEUES))]
        queue: Option<String>,
    },
    /// Begin jobs of a queue again
    Resume {
        /// Which; without it all
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(QUEUES))]
        queue: Option<String>,
    },
    /// Make everything that waits in Redis ready in the database: once no process is told of Redis any more
    Recall,
    /// Delete them; what they were about stays as it is
    Discard {
        /// Which
        #[arg(required = true, value_parser = job_id)]
        ids: Vec<JobId>,
    },
}

fn job_id(text: &str) -> Result<JobId, InvalidId> {
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn roles_are_named() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        let grant = parse("sluicegate-origin grant --role reviewer ada");
        assert!(
            matches!(grant, Ok(Cli { command: Command::Grant(Grant { role: Role::Reviewer, handle }) }) if handle == "ada")
        );
        assert!(parse("sluicegate-origin grant --role king ada").is_err());
        assert!(parse("sluicegate-origin grant ada").is_err());
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
