//! Hooks that tell caches of removed pictures.

mod http;
mod none;

pub use http::{HttpPurgeHook, PurgeLimits};
pub use none::NoPurgeHook;
