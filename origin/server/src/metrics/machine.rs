//! What the process itself uses: asked at each scrape, kept nowhere.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use sluicegate_contract::time::Timestamp;
use sluicegate_postgres::Database;

/// `/proc` counts CPU time in this part of a second on every architecture (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Memory, CPU and files, under the names that Prometheus' own libraries use.
#[derive(Debug)]
pub(super) struct Process {
    started: f64,
}

impl Process {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            started: float(now.unix_seconds()),
        }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let started = ("process_start_time_seconds", "When it started");
        gauge(&mut encoder, started, self.started)?;
        // Other systems have no /proc: less is told there.
        if let Some(bytes) = resident_bytes() {
            let name = ("process_resident_memory_bytes", "Memory in use");
            gauge(&mut encoder, name, bytes)?;
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            let name = ("process_open_fds", "Open files and connections");
            gauge(&mut encoder, name, float(files.count()))?;
        }
        if let Some(seconds) = cpu_seconds() {
            let counter = ConstCounter::new(seconds);
            let encoder = encoder.encode_descriptor(
                "process_cpu_seconds",
                "CPU time used, children left out",
                None,
                counter.metric_type(),
            )?;
            counter.encode(encoder)?;
        }
        Ok(())
    }
}

/// The connections to the database.
#[derive(Debug)]
pub(super) struct Pool(pub(super) Database);

impl Collector for Pool {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let pool = self.0.pool_state();
        let all = [
            (
                (
                    "sluicegate_database_connections_in_use",
                    "Connections that work for somebody, or are being opened for somebody",
                ),
                pool.in_use,
            ),
            (
                (
                    "sluicegate_database_connections_idle",
                    "Connections that are open and free",
                ),
                pool.idle,
            ),
            (
                (
                    "sluicegate_database_connections_max",
                    "Connections at most (DATABASE_POOL)",
                ),
                pool.most,
            ),
        ];
        for (name, number) in all {
            gauge(&mut encoder, name, number.into())?;
        }
        Ok(())
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    value: f64,
) -> fmt::Result {
    let encoder = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(encoder)
}

/// `VmRSS` is given in KiB.
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024.0)
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

/// Seconds since 1970 and numbers of files are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn float<T: TryInto<i64>>(number: T) -> f64 {
    number.try_into().unwrap_or(i64::MAX) as f64
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_uses_memory_and_time() {
        let memory = super::resident_bytes().unwrap();
        assert!((1e6..1e11).contains(&memory), "{memory}");
        assert!((0.0..1e6).contains(&super::cpu_seconds().unwrap()));
    }
}
