//! The origin's program, `sluicegate-origin`: settings, commands, and the one page that wires all.
//!
//! It holds no rule of the domain and no adapter; it chooses adapters ([`compose`]), gives them to the API
//! and the workers, and starts and stops them. An origin is a function of settings, listener and
//! shutdown ([`serve::run`]), so several run in one process. Start at [`program::main`] for what the
//! command line does, and at [`compose`] for what is made of which setting.

#![deny(missing_docs)]

pub mod cli;
pub mod commands;
pub mod compose;
mod deep;
pub mod detector;
pub mod doctor;
pub mod http;
pub mod logging;
pub mod measured;
pub mod metrics;
pub mod places;
pub mod program;
mod queue;
pub mod schema;
pub mod serve;
pub mod services;
pub mod settings;
mod signals;
mod store;
mod table;
pub mod traces;
mod unread;
