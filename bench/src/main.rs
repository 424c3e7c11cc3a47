//! Load drivers and comparisons: what `cargo xtask bench edge`, `cargo xtask bench origin` and `cargo xtask bench queue` run.
//!
//! `edge` compares our edge with a native proxy that does the same ([`proxy`]), both before the same
//! stand-in for origin and store ([`backend`]), in one run. `origin` drives a whole platform; `queue`
//! compares the queues that one can have. Every run is bounded in count and time; what the figures mean stands in `docs/benchmarks.md`.

mod backend;
mod edge;
mod http;
mod load;
mod origin;
mod proxy;
mod queue;
mod report;
mod served;
mod tokens;
mod usage;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// The edge against a native proxy
    Edge(load::Size),
    /// Uploads, pictures, posts and reads on a whole platform
    Origin(load::Size),
    /// The queues: of the table, on Redis, and of Node
    Queue(load::Size),
    /// The stand-in for origin and store
    #[command(hide = true)]
    Backend,
    /// The native proxy
    #[command(hide = true)]
    Proxy,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Edge(size) => edge::main(size).await,
        Task::Origin(size) => origin::main(size).await,
        Task::Queue(size) => queue::main(size).await,
        Task::Backend => backend::main().await,
        Task::Proxy => proxy::main().await,
    }
}
