//! The whole system from outside: real binaries, real components, real sockets.
//!
//! This library starts a platform ([`platform::Platform`]), speaks to it as a client does
//! ([`client::Client`]) and stands in for what cannot be had on one machine ([`detector`], [`text_model`],
//! [`collector`], [`proxy`]).
//! The tests in `tests/it` and the programs `demo`, `test-api` and `record-contract` are built on it. It knows nothing of the insides:
//! of our crates it uses the contract, and `sluicegate-conformance` to start servers.

pub mod answers;
pub mod api_test;
pub mod audit;
mod backing;
pub mod balancer;
pub mod chaos;
pub mod client;
pub mod clock;
pub mod collector;
pub mod contract;
pub mod database;
pub mod demo;
pub mod detector;
pub mod edge;
pub mod events;
pub mod fixtures;
pub mod haproxy;
pub mod load;
pub mod metrics;
pub mod platform;
pub mod process;
pub mod proxy;
pub mod secrets;
pub mod small_disk;
mod stand_in;
pub mod text_model;
pub mod wait;
