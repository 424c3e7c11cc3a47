//! What edge, origin and clients say to each other over HTTP.
//!
//! Serde types, ids, header names, problem types and limits; no I/O, and nothing that would not
//! compile for `wasm32-wasip2`. Whoever changes a type here changes the public API: additions are
//! optional fields, and [`headers::CONTRACT_VERSION`] grows only when an old peer could not cope.

#![deny(missing_docs)]

pub mod accounts;
pub mod headers;
pub mod ids;
pub mod limits;
pub mod media;
pub mod page;
pub mod posts;
pub mod problem;
pub mod proxies;
pub mod time;
pub mod token;
pub mod trace;
pub mod uploads;
