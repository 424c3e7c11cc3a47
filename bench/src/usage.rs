//! What a process has used, as Linux tells it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Pid;
use sluicegate_tests::process::children_of;

/// `USER_HZ`: the unit of `/proc/<pid>/stat`, the same on every Linux.
const TICKS_A_SECOND: u64 = 100;

/// CPU time of a process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    pub(crate) own: Duration,
    /// Of its children that have ended.
    pub(crate) children: Duration,
}

impl Cpu {
    /// Used since an earlier look.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            own: self.own.saturating_sub(earlier.own),
            children: self.children.saturating_sub(earlier.children),
        }
    }
}

pub(crate) fn cpu(pid: i32) -> Result<Cpu> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The program's name is in brackets and may hold anything.
    let (_, fields) = stat.rsplit_once(") ").context("fields of a process")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let time = |first: usize| -> Result<Duration> {
        let ticks = fields
            .get(first..first + 2)
            .context("times of a process")?
            .iter()
            .map(|field| field.parse::<u64>())
            .sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 1_000 / TICKS_A_SECOND))
    };
    Ok(Cpu {
        own: time(11)?,
        children: time(13)?,
    })
}

/// CPU time of a process and of those that it started, whether they have ended or not. None of those starts any itself.
pub(crate) fn cpu_of_all(pid: Pid) -> Result<Duration> {
    let both = |Cpu { own, children }: Cpu| own + children;
    let whole = both(cpu(pid.as_raw_nonzero().get())?);
    // One that ended meanwhile counts with its parent the next time.
    let running = children_of(pid)
        .into_iter()
        .filter_map(|child| cpu(child.as_raw_nonzero().get()).ok());
    Ok(running.map(both).fold(whole, |sum, used| sum + used))
}

/// The most memory that it ever had, in MiB.
pub(crate) fn peak_memory(pid: i32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("the peak of a process")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1_024)
}
