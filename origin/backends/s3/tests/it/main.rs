//! The adapter against the S3 server that `sluicegate-embedded` brings, and against `MinIO` where there is one.

mod adapter;
mod bucket;
mod conforms;
mod drives;
mod minio;
mod server;
