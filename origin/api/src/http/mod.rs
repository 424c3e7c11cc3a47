//! What is the same for all endpoints: what surrounds a request, and what is read from it.

pub(crate) mod around;
pub(crate) mod client;
pub(crate) mod contract;
pub(crate) mod extract;
pub(crate) mod idempotency;
pub(crate) mod kept;
pub(crate) mod limits;
pub(crate) mod panics;
pub(crate) mod rate_limit;
pub(crate) mod readings;
pub(crate) mod time_limit;
pub(crate) mod trace;
pub(crate) mod writes;
