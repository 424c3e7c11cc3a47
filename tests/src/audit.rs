//! What `sluicegate-origin doctor --deep` finds: do database and store agree, and is every verdict there once?

use anyhow::{Context, Result, ensure};

use crate::platform::{Platform, run_command};

/// What must be none where nothing was lost or judged twice.
const FAULTS: [&str; 3] = ["missing", "judged twice", "judged without record"];
/// What clients leave who were refused in the middle, until it is swept.
const LEFTOVERS: &str = "leftovers";

/// The table that it prints.
pub struct Audit {
    /// What, and how often.
    pub rows: Vec<(String, u64)>,
    text: String,
}

impl Audit {
    /// Looks at everything of a platform.
    pub async fn of(platform: &Platform) -> Result<Self> {
        Ok(Self::read(&platform.command(&["doctor", "--deep"]).await?))
    }

    /// The same with these settings.
    pub async fn with(settings: &[(String, String)]) -> Result<Self> {
        Ok(Self::read(
            &run_command(settings, &["doctor", "--deep"]).await?,
        ))
    }

    fn read(output: &[String]) -> Self {
        let table = output.iter().skip_while(|line| !line.starts_with("audit "));
        Self {
            rows: table.filter_map(|line| row(line)).collect(),
            text: output.join("\n"),
        }
    }

    /// A row of it.
    pub fn count(&self, what: &str) -> Result<u64> {
        let row = self.rows.iter().find(|(name, _)| name == what);
        Ok(row
            .with_context(|| format!("{what} in the audit:\n{}", self.text))?
            .1)
    }

    /// Fails if something was lost, left behind or judged twice.
    pub fn ensure_clean(&self) -> Result<()> {
        self.ensure_nothing_lost()?;
        self.ensure_none(LEFTOVERS)
    }

    /// Fails if something was lost or judged twice.
    pub fn ensure_nothing_lost(&self) -> Result<()> {
        FAULTS.iter().try_for_each(|what| self.ensure_none(what))
    }

    fn ensure_none(&self, what: &str) -> Result<()> {
        let count = self.count(what)?;
        ensure!(count == 0, "the audit found {what}: {count}\n{}", self.text);
        Ok(())
    }
}

/// `judged twice  0  what it means`: names end at two spaces.
fn row(line: &str) -> Option<(String, u64)> {
    let (name, rest) = line.split_once("  ")?;
    let count = rest.split_whitespace().next()?.parse().ok()?;
    Some((name.trim().to_owned(), count))
}
