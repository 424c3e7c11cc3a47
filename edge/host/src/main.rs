//! `sluicegate-edge --app spin.toml --listen 127.0.0.1:3000`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use sluicegate_edge::cli::{self, Args};
use sluicegate_edge::{Config, Error, Host, logging, open_files, ready_line};
use tokio::net::TcpListener;

/// `EX_USAGE` of sysexits: what was asked for cannot be run, and asking again changes nothing.
const UNUSABLE: u8 = 64;

fn main() -> ExitCode {
    let args = Args::parse();
    logging::start(args.log_format);
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            match error.downcast_ref::<Error>() {
                Some(Error::Application(_)) => ExitCode::from(UNUSABLE),
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
    let listen = args.listen;
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
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", ready_line(address)).context("standard output is closed")?;
        out.flush().context("standard output is closed")?;
    }
    host.serve(listener, signal).await?;
    Ok(())
}

async fn load(config: Config, check_path: Option<&str>) -> Result<Host, Error> {
    let host = Host::load(config).await?;
    if let Some(path) = check_path {
        host.check(path).await?;
    }
    Ok(host)
}
