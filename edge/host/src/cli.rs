//! The command line, and the signals that end the process.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use clap::Parser;
use sluicegate_contract::proxies::{ForwardedHeader, Network, Proxies};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, Limits, default_cache_dir};
use crate::logging::LogFormat;
use crate::traces::{CollectorHeaders, Endpoint, TraceSettings};

/// Fewer bytes would refuse what browsers send.
const MIN_HEADER_BYTES: usize = 4096;

/// Runs the application of a Spin manifest on wasmtime.
///
/// Variables come from `SPIN_VARIABLE_<NAME>` in the environment; `RUST_LOG` filters the log.
#[derive(Debug, Parser)]
#[command(name = "sluicegate-edge", version, after_help = EXIT_CODES)]
pub struct Args {
    /// The manifest.
    #[arg(long, short = 'f', default_value = "spin.toml")]
    pub app: PathBuf,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// Where metrics are served to Prometheus, or `off`. Default: 127.0.0.1:9100, or a free port where that is taken.
    #[arg(long)]
    pub metrics_listen: Option<MetricsListen>,
    /// A path asked for before anything listens: an answer other than 2xx or 3xx ends the start.
    #[arg(long)]
    pub check_path: Option<String>,
    /// How the log on standard error is written.
    #[arg(long, value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Where compiled components are kept between starts.
    #[arg(long)]
    cache_dir: Option<PathBuf>,
    /// Requests an instance serves before it is replaced.
    #[arg(long, default_value_t = Limits::default().instance_uses)]
    max_instance_reuse_count: usize,
    /// Requests an instance serves at once.
    #[arg(long, default_value_t = Limits::default().instance_concurrency)]
    max_instance_concurrent_reuse_count: usize,
    /// The same for the component that takes uploads.
    #[arg(long, default_value_t = Limits::default().upload_concurrency)]
    max_instance_concurrent_uploads: usize,
    /// Seconds an unused instance is kept.
    #[arg(long, default_value_t = Limits::default().instance_idle.as_secs())]
    idle_instance_timeout: u64,
    /// Mebibytes of memory of an instance.
    #[arg(long, default_value_t = Limits::default().instance_memory >> 20)]
    instance_memory_mib: usize,
    /// Seconds from a request's arrival to the head of its response.
    #[arg(long, default_value_t = Limits::default().request_timeout.as_secs())]
    request_timeout: u64,
    /// The same for uploads.
    #[arg(long, default_value_t = Limits::default().upload_timeout.as_secs())]
    upload_timeout: u64,
    /// Seconds of processor time a component may use without a byte moving; waiting costs none.
    #[arg(long, default_value_t = Limits::default().compute_timeout.as_secs())]
    compute_timeout: u64,
    /// Seconds from the head of a response to the end of its body.
    #[arg(long, default_value_t = Limits::default().body_timeout.as_secs())]
    body_timeout: u64,
    /// Seconds that a transfer may stand still, in whichever direction.
    #[arg(long, default_value_t = Limits::default().stall_timeout.as_secs())]
    stall_timeout: u64,
    /// The path whose requests count as uploads.
    #[arg(long, default_value_t = Limits::default().upload_path)]
    upload_path: String,
    /// Requests at once; more are refused with 503.
    #[arg(long, default_value_t = Limits::default().requests)]
    max_requests: usize,
    /// Requests at once of one address; more are refused with 429. Behind a balancer, name it (--trusted-proxies), or
    /// all its clients are one.
    #[arg(long, default_value_t = Limits::default().request_share)]
    max_requests_per_client: usize,
    /// The path that is answered when all places are taken: the one that asks whether the host lives.
    #[arg(long, default_value_t = Limits::default().reserved_path)]
    reserved_path: String,
    /// Uploads at once; more are refused with 503.
    #[arg(long, default_value_t = Limits::default().uploads)]
    max_uploads: usize,
    /// Uploads at once of one client (of one token, or without one of one address); more are refused with 429.
    #[arg(long, default_value_t = Limits::default().upload_share)]
    max_uploads_per_client: usize,
    /// Bytes of an upload that must come in each window; slower ones are refused with 408.
    #[arg(long, default_value_t = Limits::default().upload_pace_bytes)]
    upload_pace_bytes: u64,
    /// The same of every other body.
    #[arg(long, default_value_t = Limits::default().body_pace_bytes)]
    body_pace_bytes: u64,
    /// Seconds of such a window. Only those count in which the client is waited for.
    #[arg(long, default_value_t = Limits::default().pace_window.as_secs())]
    pace_seconds: u64,
    /// Open client connections; more wait in the listener's queue.
    #[arg(long, default_value_t = Limits::default().connections)]
    max_connections: usize,
    /// Open connections of one address; more are answered with 429 and closed. Those of --trusted-proxies are not counted.
    #[arg(long, default_value_t = Limits::default().connection_share)]
    max_connections_per_client: usize,
    /// Bytes of a request's head; more is refused with 431, or 414 where the first line alone has more.
    #[arg(long, default_value_t = Limits::default().header_bytes)]
    max_header_bytes: usize,
    /// Seconds a client may take to send a request's head, and may stay idle between requests.
    #[arg(long, default_value_t = Limits::default().header_timeout.as_secs())]
    header_timeout: u64,
    /// Seconds that requests may run on after the signal to end.
    #[arg(long, default_value_t = Limits::default().drain.as_secs())]
    drain_seconds: u64,
    /// Balancers and proxies in front that are believed about clients' addresses: addresses or blocks, separated by
    /// commas. Clients must not be able to connect from these addresses themselves.
    #[arg(long, value_delimiter = ',')]
    trusted_proxies: Vec<Network>,
    /// What those proxies write: x-forwarded-for or forwarded. Its last address that is none of theirs counts.
    #[arg(long, default_value = "x-forwarded-for")]
    proxy_header: ForwardedHeader,
    /// The OpenTelemetry collector that spans are sent to, as `http://collector:4318`. None: nothing is traced.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    otlp_endpoint: Option<Endpoint>,
    /// How they are sent: OTLP over HTTP in its JSON encoding.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_PROTOCOL", default_value = "http/json", value_parser = ["", "http/json"])]
    otlp_protocol: String,
    /// Sent to the collector each time: name=value, further ones after commas.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_HEADERS", hide_env_values = true)]
    otlp_headers: Option<CollectorHeaders>,
    /// What this program is called in traces.
    #[arg(long, env = "OTEL_SERVICE_NAME", default_value = "sluicegate-edge")]
    service_name: String,
    /// How many of all traces are sent, from 0 to 1; edges and origins that are told the same send the same ones.
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value = "1", value_parser = ratio)]
    trace_ratio: f64,
}

const EXIT_CODES: &str = "\
Exit codes: 0 after a signal (TERM, INT) when all that ran was finished; 75 when the drain time was over and \
connections were cut; 64 when the application cannot be run; 1 for everything else.";

/// Where metrics are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsListen {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

impl FromStr for MetricsListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let address = text.parse();
        address
            .map(Self::At)
            .map_err(|_| "neither an address with a port nor `off`".to_owned())
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the host learns the time of day"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

impl Args {
    fn traces(&mut self) -> Option<TraceSettings> {
        let endpoint = self.otlp_endpoint.take()?.0?;
        Some(TraceSettings {
            endpoint,
            headers: self.otlp_headers.take().unwrap_or_default().0,
            service: std::mem::take(&mut self.service_name),
            ratio: self.trace_ratio,
            now,
        })
    }

    /// What the host is told, with variables looked up in `environment`.
    pub fn into_config(mut self, environment: BTreeMap<String, String>) -> Config {
        Config {
            traces: self.traces(),
            app: self.app,
            cache_dir: self.cache_dir.or_else(|| default_cache_dir(&environment)),
            environment,
            proxies: Proxies {
                trusted: self.trusted_proxies,
                header: self.proxy_header,
            },
            limits: Limits {
                instance_uses: self.max_instance_reuse_count.max(1),
                instance_concurrency: self.max_instance_concurrent_reuse_count.max(1),
                upload_concurrency: self.max_instance_concurrent_uploads.max(1),
                instance_idle: Duration::from_secs(self.idle_instance_timeout),
                instance_memory: self.instance_memory_mib.max(1).saturating_mul(1 << 20),
                request_timeout: Duration::from_secs(self.request_timeout.max(1)),
                upload_timeout: Duration::from_secs(self.upload_timeout.max(1)),
                compute_timeout: Duration::from_secs(self.compute_timeout.max(1)),
                body_timeout: Duration::from_secs(self.body_timeout.max(1)),
                stall_timeout: Duration::from_secs(self.stall_timeout.max(1)),
                upload_path: self.upload_path,
                requests: self.max_requests.max(1),
                request_share: self.max_requests_per_client.max(1),
                reserved_path: self.reserved_path,
                uploads: self.max_uploads.max(1),
                upload_share: self.max_uploads_per_client.max(1),
                upload_pace_bytes: self.upload_pace_bytes,
                body_pace_bytes: self.body_pace_bytes,
                pace_window: Duration::from_secs(self.pace_seconds.max(1)),
                connections: self.max_connections.max(1),
                connection_share: self.max_connections_per_client.max(1),
                header_bytes: self.max_header_bytes.max(MIN_HEADER_BYTES),
                header_timeout: Duration::from_secs(self.header_timeout.max(1)),
                drain: Duration::from_secs(self.drain_seconds),
            },
        }
    }
}

/// Resolves at the first SIGTERM or SIGINT. The handlers stand as soon as this returns.
pub fn terminated() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_limits() {
        let config = Args::parse_from(["sluicegate-edge"]).into_config(BTreeMap::new());
        assert_eq!(
            format!("{:?}", config.limits),
            format!("{:?}", Limits::default())
        );
    }

    #[test]
    fn proxies_are_named_by_block() {
        let line = "sluicegate-edge --trusted-proxies 10.0.0.0/8,::1 --proxy-header forwarded";
        let config = Args::parse_from(line.split(' ')).into_config(BTreeMap::new());
        assert_eq!(config.proxies.trusted.len(), 2);
        assert_eq!(config.proxies.header, ForwardedHeader::Forwarded);
        let wrong = "sluicegate-edge --trusted-proxies everywhere";
        assert!(Args::try_parse_from(wrong.split(' ')).is_err());
    }

    #[test]
    fn traces_go_where_it_is_said_and_nowhere_else() {
        let traces = |line: &str| {
            let line = format!("sluicegate-edge --otlp-protocol http/json {line}");
            Args::try_parse_from(line.split(' '))
                .map(|args| args.into_config(BTreeMap::new()).traces)
        };
        let line = "--otlp-endpoint http://a:4318 --otlp-headers x-key=1 --trace-ratio 0.5";
        let settings = traces(line).unwrap().unwrap();
        assert_eq!(settings.endpoint, "http://a:4318/v1/traces");
        assert_eq!(settings.headers["x-key"], "1");
        assert!(!format!("{settings:?}").contains("x-key"));
        assert!(traces("--otlp-endpoint=").unwrap().is_none());
        for wrong in [
            "--otlp-endpoint https://a",
            "--otlp-headers x",
            "--trace-ratio 2",
            "--otlp-protocol grpc",
        ] {
            assert!(traces(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn flags_change_limits() {
        let config = Args::parse_from([
            "sluicegate-edge",
            "--app",
            "a.toml",
            "--max-uploads",
            "7",
            "--instance-memory-mib",
            "2",
        ])
        .into_config(BTreeMap::new());
        assert_eq!(config.limits.uploads, 7);
        assert_eq!(config.limits.instance_memory, 2 << 20);
        assert_eq!(config.app, PathBuf::from("a.toml"));
    }
}
