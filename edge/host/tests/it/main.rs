//! The host with real components, real sockets and, where the process matters, the real binary.

mod bodies;
mod failures;
mod heads;
mod limits;
mod metrics;
mod outbound;
mod process;
mod program;
mod requests;
mod slow;
mod support;
