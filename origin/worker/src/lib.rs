//! Runs jobs: takes leases, keeps them, retries what fails, gives back what it cannot finish.
//!
//! The queue itself is a port ([`JobQueue`](sluicegate_core::ports::JobQueue)); what is in it is decided by whoever
//! writes data. This crate decodes nothing and speaks to no service by itself: all that comes in
//! [`WorkerContext`].
//!
//! Start at [`registry`]: the jobs, one file each. [`Runner`] runs whatever a registry holds.

#![deny(missing_docs)]

mod context;
mod job;
mod jobs;
mod outcome;
mod registry;
mod runner;

pub use context::WorkerContext;
pub use job::Job;
pub use outcome::{JobError, Outcome};
pub use registry::{Registry, registry};
pub use runner::{QueueSettings, Runner, RunnerSettings};
