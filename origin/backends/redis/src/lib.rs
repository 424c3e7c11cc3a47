//! What origins share on Redis: how fast somebody asked, and for a moment what strangers read.
//!
//! Nothing here is kept for good, and nobody waits for it: a call is answered within a quarter of a second or has failed,
//! and after an outage Redis is left alone for a second. Jobs on Redis are another crate's. Start at [`Shared`], the
//! connection that all adapters of a process use together.

#![deny(missing_docs)]

mod cache;
mod connection;
mod limiter;
mod shared;

pub use cache::RedisCache;
pub use limiter::RedisLimiter;
pub use shared::{Patience, Shared};
