//! Runs the application of a Spin manifest (version 2) on wasmtime: routes, variables, outbound hosts,
//! composition, instance reuse, and limits on memory, time and concurrency.
//!
//! Not its job: TLS (a balancer terminates it), anything about Sluicegate's API, and the parts of Spin
//! that our manifest does not use. Those are refused by name, all at once, before anything listens.
//!
//! Start at [`Host::load`], which turns a [`Config`] into a ready application, then read [`Host::serve`].
//! `wasm::p3` is the one module that touches the experimental part of wasmtime's WASI HTTP.

pub mod cli;
pub mod config;
mod fresh;
pub mod logging;
pub mod manifest;
pub mod metrics;
pub mod open_files;
mod outbound;
mod routes;
mod server;
mod template;
pub mod traces;
mod variables;
mod wasm;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use sluicegate_otlp::Exporting;
use tokio::net::TcpListener;

pub use config::{Config, Limits};
pub use manifest::Problems;
pub use metrics::Metrics;
pub use traces::TraceSettings;

/// Why the host cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest, its variables or its components cannot be run; lists everything that is wrong.
    #[error(transparent)]
    Application(#[from] Problems),
    /// The engine cannot be built on this machine.
    #[error("the WebAssembly engine cannot start: {0}")]
    Engine(String),
    /// The time to drain was over: so many connections were cut, with what ran on them.
    #[error("{0} connections were cut at the end of the drain time")]
    CutOff(usize),
    /// The listener failed for good.
    #[error("the listener failed: {0}")]
    Listener(#[from] std::io::Error),
}

/// An application that is loaded, compiled and linked, and has not served a request yet.
pub struct Host {
    application: Arc<server::Application>,
    exporting: Option<Exporting>,
}

impl Host {
    /// Reads the manifest, resolves variables, composes, compiles and links every component.
    /// Blocking work runs off the async threads. Every problem found is in the one error.
    pub async fn load(config: Config) -> Result<Self, Error> {
        let (limits, proxies) = (config.limits.clone(), config.proxies.clone());
        let (tracer, exporting) = config.traces.as_ref().map(traces::start).unzip();
        let tracer = tracer.unwrap_or_default();
        let metrics = Metrics::new(tracer.clone());
        let (counting, calling) = (metrics.clone(), tracer.clone());
        let loaded = tokio::task::spawn_blocking(move || wasm::load(&config, &counting, calling))
            .await
            .map_err(|error| Error::Engine(error.to_string()))??;
        let application = server::Application::new(loaded, limits, proxies, metrics, tracer);
        Ok(Self {
            application: Arc::new(application),
            exporting,
        })
    }

    /// What this host counts, from now until it is dropped; to be served by [`metrics::serve`].
    pub fn metrics(&self) -> Metrics {
        self.application.metrics()
    }

    /// Sends one `GET path` through its component, without a socket. An answer other than 2xx or 3xx
    /// is an [`Error::Application`]; what the component said of it is in the log.
    pub async fn check(&self, path: &str) -> Result<(), Error> {
        Ok(server::check(&self.application, path).await?)
    }

    /// Serves until `shutdown` resolves, then stops accepting and lets what runs finish, for at most
    /// [`Limits::drain`]; what does not is cut, and [`Error::CutOff`] says so.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let served = server::serve(self.application, listener, shutdown).await;
        if let Some(exporting) = self.exporting {
            exporting.finish().await;
        }
        served
    }
}

/// [`Host::load`], then [`Host::serve`].
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    Host::load(config).await?.serve(listener, shutdown).await
}

/// The line on standard output that tells a parent process where the host listens.
pub fn ready_line(address: SocketAddr) -> String {
    format!("listening on http://{address}")
}
