//! What ran on which server, as the tests say it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cargo::target;

/// Tests on servers add a line each to the file that this names: server, tab, what was tested, tab, `passed` or
/// `failed`.
const VARIABLE: &str = "SLUICEGATE_RAN_ON";

/// The file that tests write to, and what becomes of it.
pub(crate) struct Report(PathBuf);

impl Report {
    /// An empty one.
    pub(crate) fn new() -> Result<Self> {
        let path = target().join("ran-on.txt");
        fs::write(&path, "")?;
        Ok(Self(path))
    }

    /// Names it to the tests.
    pub(crate) fn name_to(&self, command: &mut Command) {
        command.env(VARIABLE, &self.0);
    }

    /// Adds what no test says of itself.
    pub(crate) fn add(&self, server: &str, what: &str, passed: bool) -> Result<()> {
        let how = if passed { "passed" } else { "failed" };
        let mut file = fs::File::options().append(true).open(&self.0)?;
        file.write_all(format!("{server}\t{what}\t{how}\n").as_bytes())?;
        Ok(())
    }

    /// Prints what ran on what.
    pub(crate) fn print(&self) -> Result<()> {
        let table = table(&fs::read_to_string(&self.0)?);
        if !table.is_empty() {
            println!("what ran on which server:");
            print!("{table}");
        }
        Ok(())
    }
}

fn table(lines: &str) -> String {
    let mut servers: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for line in lines.lines() {
        let mut parts = line.split('\t');
        let (Some(server), Some(what), Some(how)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let before = servers
            .entry(server)
            .or_default()
            .entry(what)
            .or_insert(how);
        // One that failed once has failed.
        if how != "passed" {
            *before = how;
        }
    }
    let width = servers.keys().map(|name| name.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut table = String::new();
    for (server, tests) in servers {
        for (what, how) in tests {
            // Writing to a string cannot fail.
            let _ = writeln!(table, "  {server:width$}  {how}  {what}");
        }
    }
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_server_has_its_lines() {
        let said = "Redis 7\tcache\tpassed\nA 1\tposts\tpassed\nA 1\tjobs\tfailed\nA 1\tjobs\tpassed\nhalf a line";
        let table = super::table(said);
        assert_eq!(
            table,
            "  A 1      failed  jobs\n  A 1      passed  posts\n  Redis 7  passed  cache\n"
        );
    }
}
