//! What the process itself uses: asked at each scrape, kept nowhere.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// `/proc` counts CPU time in this part of a second on every architecture (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Memory, CPU and files, under the names that Prometheus' own libraries use. Other systems have no `/proc`: less
/// is told there.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(bytes) = resident_bytes() {
            let encoder = encoder.encode_descriptor(
                "process_resident_memory_bytes",
                "Memory in use",
                None,
                MetricType::Gauge,
            )?;
            ConstGauge::new(bytes).encode(encoder)?;
        }
        if let Some(files) = open_files() {
            let encoder = encoder.encode_descriptor(
                "process_open_fds",
                "Open files and connections",
                None,
                MetricType::Gauge,
            )?;
            ConstGauge::new(files).encode(encoder)?;
        }
        if let Some(seconds) = cpu_seconds() {
            let encoder = encoder.encode_descriptor(
                "process_cpu_seconds",
                "CPU time used",
                None,
                MetricType::Counter,
            )?;
            ConstCounter::new(seconds).encode(encoder)?;
        }
        Ok(())
    }
}

/// `VmRSS` is given in KiB.
fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib.saturating_mul(1024))
}

fn open_files() -> Option<i64> {
    let files = fs::read_dir("/proc/self/fd").ok()?;
    i64::try_from(files.count()).ok()
}

/// User and system time: the 14th and 15th field. The second one, the program's name, may hold spaces.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut times = after_name.split_whitespace().skip(11);
    let user: f64 = times.next()?.parse().ok()?;
    let system: f64 = times.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}
