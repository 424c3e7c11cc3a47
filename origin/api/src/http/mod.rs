//! What is the same for all endpoints: what surrounds a request, and what is read from it.

pub(crate) mod around;
mod classes;
pub(crate) mod client;
pub(crate) mod contract;
pub(crate) mod extract;
pub(crate) mod idempotency;
pub(crate) mod kept;
pub(crate) mod panics;
pub(crate) mod quotas;
pub(crate) mod rates;
pub(crate) mod readings;
pub(crate) mod time_limit;
pub(crate) mod trace;
pub(crate) mod writes;
