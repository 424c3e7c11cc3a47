//! Whether the object store is fit: what `serve`, `work` and `doctor` have in common.

pub(crate) mod probe;
mod start;

pub(crate) use start::Starting;
