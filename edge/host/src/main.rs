//! `sluicegate-edge --app spin.toml --listen 127.0.0.1:3000`.

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use sluicegate_edge::cli::{self, Args, MetricsListen};
use sluicegate_edge::{Config, Error, Host, logging, metrics, open_files, ready_line};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// `EX_USAGE` of sysexits: what was asked for cannot be run, and asking again changes nothing.
const UNUSABLE: u8 = 64;
/// `EX_TEMPFAIL` of sysexits: the end was asked for, and what ran was not finished in time.
const CUT_OFF: u8 = 75;
/// Where metrics are served when nobody says where.
const METRICS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9100);

fn main() -> ExitCode {
    let args = Args::parse();
    logging::start(args.log_format);
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            match error.downcast_ref::<Error>() {
                Some(Error::Application(_)) => ExitCode::from(UNUSABLE),
                Some(Error::CutOff(_)) => ExitCode::from(CUT_OFF),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn start(args: Args) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?
        .block_on(run(args))
}

async fn run(args: Args) -> anyhow::Result<()> {
    let (listen, metrics_listen) = (args.listen, args.metrics_listen);
    let check_path = args.check_path.clone();
    let config = args.into_config(std::env::vars().collect());
    open_files::raise(config.limits.open_files());
    // Handlers stand before anything runs, so that a signal during loading ends the process too.
    let signal = cli::terminated()?;
    tokio::pin!(signal);
    let host = tokio::select! {
        host = load(config, check_path.as_deref()) => host?,
        () = &mut signal => return Ok(()),
    };
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    let scraped = serve_metrics(&host, metrics_listen).await?;
    say(&ready_line(address))?;
    let served = host.serve(listener, signal).await;
    if let Some(scraped) = scraped {
        scraped.abort();
    }
    Ok(served?)
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .context("standard output is closed")
}

/// Serves metrics where it is said, also while requests drain. An address that nobody chose and that is taken, as by
/// another edge on the same machine, is replaced by a free port.
async fn serve_metrics(
    host: &Host,
    chosen: Option<MetricsListen>,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    let address = match chosen {
        Some(MetricsListen::Off) => return Ok(None),
        Some(MetricsListen::At(address)) => address,
        None => METRICS,
    };
    let bound = match TcpListener::bind(address).await {
        Err(error) if chosen.is_none() && error.kind() == ErrorKind::AddrInUse => {
            tracing::warn!(
                "{address} is taken: metrics get a free port (--metrics-listen chooses)"
            );
            TcpListener::bind((address.ip(), 0)).await
        }
        bound => bound,
    };
    let listener = bound.with_context(|| format!("cannot serve metrics on {address}"))?;
    let address = listener.local_addr().context("metrics have no address")?;
    say(&format!("metrics on http://{address}/metrics"))?;
    Ok(Some(tokio::spawn(metrics::serve(listener, host.metrics()))))
}

async fn load(config: Config, check_path: Option<&str>) -> Result<Host, Error> {
    let host = Host::load(config).await?;
    if let Some(path) = check_path {
        host.check(path).await?;
    }
    Ok(host)
}
