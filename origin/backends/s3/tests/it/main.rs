//! The adapter against the S3 server that `sluicegate-embedded` brings.

mod adapter;
mod conforms;
mod server;
