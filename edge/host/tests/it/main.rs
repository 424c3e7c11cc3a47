//! The host with real components, real sockets and, where the process matters, the real binary.

mod bodies;
mod failures;
mod limits;
mod outbound;
mod process;
mod requests;
mod support;
