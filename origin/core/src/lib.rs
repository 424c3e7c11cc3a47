//! Domain types, rules and ports of the origin.
//!
//! Everything here is pure or speaks to the world through a port ([`ports`]); no socket, file,
//! clock or random number is reached from here. `api` and `worker` meet only in this crate, and
//! adapters under `origin/backends` implement its ports. Start at [`ports`] for what the origin
//! needs from outside, and at [`pictures`] for the one flow that both request and job take.

#![deny(missing_docs)]

pub mod account;
pub mod answer;
pub mod audit;
mod cursor;
pub mod env;
pub mod erasure;
pub mod error;
pub mod fair;
pub mod job;
pub mod limits;
pub mod moderation;
pub mod observe;
pub mod outage;
pub mod periodic;
pub mod pictures;
pub mod ports;
pub mod post;
pub mod public;
pub mod quota;
pub mod rate;
pub mod session;
pub mod signing;
pub mod sweep;
pub mod text;
pub mod trace;
pub mod upload;
pub mod wake;
