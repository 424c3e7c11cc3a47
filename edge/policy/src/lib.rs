//! What the edge decides, as pure functions and small state machines.
//!
//! Tokens, routes, which headers cross in which direction, CORS, ranges and preconditions, and which
//! uploads are let in. No I/O, no clock and no randomness: the components bring them, and everything
//! here is tested natively. What WASI types look like is no business of this crate.
//!
//! Start at [`routes::route`] for the gateway and at [`admission`] for uploads;
//! [`authenticator::Authenticator`] is what both ask about tokens.

#![deny(missing_docs)]

pub mod admission;
pub mod assets;
pub mod authenticator;
pub mod bounded;
pub mod conditional;
pub mod cors;
pub mod grants;
pub mod headers;
pub mod jwks;
pub mod key_cache;
pub mod media;
pub mod multipart;
pub mod path;
pub mod peer;
pub mod range;
pub mod refusal;
pub mod routes;
pub mod settings;
pub mod token;
pub mod trace;
pub mod url;

/// Whole seconds since 1970, passed in by whoever has a clock.
pub type UnixSeconds = u64;
