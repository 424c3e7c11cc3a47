//! What happened, as a table for people.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use super::Plan;
use super::faults::Fault;
use super::load::{Ledger, Tally};
use super::sweep::Swept;
use super::verify::Findings;

const BEGIN: &str = "<!-- chaos: begin -->";
const END: &str = "<!-- chaos: end -->";

#[derive(Default)]
struct Row {
    times: u64,
    happened: u64,
    saw: BTreeMap<String, u64>,
}

pub struct Report {
    start: Instant,
    title: String,
    rows: BTreeMap<Fault, Row>,
    end: String,
}

impl Report {
    pub fn new(plan: &Plan) -> Self {
        Self {
            start: Instant::now(),
            title: format!("{} faults, seed {}", plan.faults, plan.seed),
            rows: BTreeMap::new(),
            end: String::new(),
        }
    }

    /// A fault is over; what clients saw meanwhile is counted with it.
    pub fn fault(&mut self, number: u32, fault: Fault, outcome: &Result<()>, saw: &Tally) {
        let row = self.rows.entry(fault).or_default();
        row.times += 1;
        match outcome {
            Ok(()) => {
                row.happened += 1;
                println!("  {number:4} {}", fault.text());
            }
            Err(error) => println!("  {number:4} {} DID NOT HAPPEN: {error:#}", fault.text()),
        }
        for (what, count) in &saw.0 {
            *row.saw.entry(what.clone()).or_default() += count;
        }
    }

    /// How many faults did not happen.
    pub fn missed(&self) -> u64 {
        self.rows.values().map(|row| row.times - row.happened).sum()
    }

    pub fn end(&mut self, ledger: &Ledger, findings: &Findings, swept: &Swept) {
        let people = ledger.people.len();
        self.end = format!(
            "{people} people were told that {} pictures and {} posts are there. All were looked at when the faults were over: \
             {} pictures and {} posts had to be removed, the others had to be shown. \
             The detector was asked {} times. Wrong: {}.\n\n\
             Then the sweep ran as it will in the next days: all {} pictures that a profile or post shows are still there, \
             the {} that nothing shows are gone.",
            findings.pictures,
            findings.posts,
            findings.removed_pictures,
            findings.removed_posts,
            findings.judged,
            findings.wrong.len(),
            swept.shown,
            swept.gone,
        );
        let audit: Vec<_> = swept
            .audit
            .rows
            .iter()
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        let _ = write!(
            self.end,
            " `sluicegate-origin doctor --deep` found: {}.",
            audit.join(", ")
        );
        for wrong in &findings.wrong {
            let _ = write!(self.end, "\n- {wrong}");
        }
    }

    pub fn text(&self) -> String {
        let mut text = format!(
            "{} in {:.0} s.\n\n| fault | times | happened | what clients saw meanwhile |\n|---|---|---|---|\n",
            self.title,
            self.start.elapsed().as_secs_f64()
        );
        for (fault, row) in &self.rows {
            let saw: Vec<_> = row
                .saw
                .iter()
                .map(|(what, count)| format!("{what} x{count}"))
                .collect();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                fault.text(),
                row.times,
                row.happened,
                saw.join(", ")
            );
        }
        format!("{text}\n{}\n", self.end)
    }
}

/// Puts the report between the marks of a document.
pub fn write_into(path: &Path, report: &str) -> Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let (before, rest) = text.split_once(BEGIN).context("no mark to begin at")?;
    let (_, after) = rest.split_once(END).context("no mark to end at")?;
    std::fs::write(path, format!("{before}{BEGIN}\n{report}{END}{after}"))?;
    Ok(())
}
